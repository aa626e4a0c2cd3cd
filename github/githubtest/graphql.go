package githubtest

import (
	"regexp"
	"strings"
)

// viewerQuery is the one question that the server understands in GraphQL: who a token is, which the REST API does not
// tell an installation.
var viewerQuery = regexp.MustCompile(`^(?:query)?\{viewer\{((?:login|databaseId|id|__typename)(?:,?\s*(?:login|databaseId|id|__typename))*)\}\}$`)

var spaces = regexp.MustCompile(`\s+`)
var besideBrace = regexp.MustCompile(`\s*([{}])\s*`)

// graphQL answers with status 200, errors too, as GraphQL does.
func (x *exchange) graphQL() (reply, error) {
	if x.who.account == nil {
		return reply{}, unauthorized("This endpoint requires you to be authenticated.")
	}
	var ask struct{ Query string }
	if err := x.decode(&ask); err != nil {
		return reply{}, err
	}
	query := besideBrace.ReplaceAllString(spaces.ReplaceAllString(strings.TrimSpace(ask.Query), " "), "$1")
	m := viewerQuery.FindStringSubmatch(query)
	if m == nil {
		return ok(object{"errors": []object{{"message": "this server answers only query { viewer { login databaseId id } }"}}})
	}
	a := x.who.account
	all := object{"login": a.login, "databaseId": a.id, "id": nodeID(a.kind, a.id), "__typename": a.kind}
	viewer := object{}
	for _, field := range strings.FieldsFunc(m[1], func(c rune) bool { return c == ' ' || c == ',' }) {
		viewer[field] = all[field]
	}
	return ok(object{"data": object{"viewer": viewer}})
}
