package githubtest

import (
	"errors"
	"net/http"
	"strconv"
)

// apiError is an answer in GitHub's form of errors
// (https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api).
type apiError struct {
	status  int
	message string
	doc     string // below https://docs.github.com/rest/
	errors  []any  // text, or fieldError
}

type fieldError struct {
	Resource string `json:"resource"`
	Code     string `json:"code"`
	Field    string `json:"field,omitempty"`
	Message  string `json:"message,omitempty"`
}

func (e *apiError) Error() string { return strconv.Itoa(e.status) + " " + e.message }

func (x *exchange) errorReply(err error) reply {
	var e *apiError
	if !errors.As(err, &e) {
		x.logf("githubtest: %s %s: %v", x.r.Method, x.r.URL.Path, err)
		e = &apiError{status: http.StatusInternalServerError, message: "Server Error"}
	}
	body := object{"message": e.message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(e.status)}
	if e.doc != "" {
		body["documentation_url"] = "https://docs.github.com/rest/" + e.doc
	}
	if e.errors != nil {
		body["errors"] = e.errors
	}
	return reply{e.status, body}
}

func notFound(doc string) error {
	return &apiError{status: http.StatusNotFound, message: "Not Found", doc: doc}
}

func forbidden(message, doc string) error {
	return &apiError{status: http.StatusForbidden, message: message, doc: doc}
}

func unauthorized(message string) error {
	return &apiError{status: http.StatusUnauthorized, message: message}
}

func badCredentials() error         { return unauthorized("Bad credentials") }
func requiresAuthentication() error { return unauthorized("Requires authentication") }

// invalid is a validation failure of named fields.
func invalid(doc string, fields ...fieldError) error {
	e := &apiError{status: http.StatusUnprocessableEntity, message: "Validation Failed", doc: doc}
	for _, f := range fields {
		e.errors = append(e.errors, f)
	}
	return e
}

// unprocessable is a refusal explained in sentences.
func unprocessable(doc string, sentences ...string) error {
	e := &apiError{status: http.StatusUnprocessableEntity, message: "Unprocessable Entity", doc: doc}
	for _, s := range sentences {
		e.errors = append(e.errors, s)
	}
	return e
}
