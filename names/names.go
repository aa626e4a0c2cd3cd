// Package names holds one validator for each kind of name that reaches an API, a statement, a path or a DN.
//
// A validator accepts or refuses; it never repairs. Nothing that a validator accepts contains a slash (but where the kind
// is made of segments), a dot segment, a percent sign, a quote, white space, or a character outside printable ASCII.
package names
