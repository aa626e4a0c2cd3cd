package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	gh "github.com/google/go-github/v60/github"
)

// maxMessage is how much of GitHub's own words an error repeats, in bytes.
const maxMessage = 300

// ErrHeadMoved means that the branch is no longer at the commit that was to be merged.
var ErrHeadMoved = errors.New("the head of the pull request moved")

// ErrNotMergeable means that GitHub will not merge: a conflict, a rule of the repository, a draft.
var ErrNotMergeable = errors.New("the pull request cannot be merged")

// Error is a refusal by GitHub: what was asked, what it answers, and what to do about it. It carries no secret.
type Error struct {
	What    string // "read the members of @acme/data"
	Status  int    // of HTTP
	Message string // GitHub's words, one line
	Hint    string // "" where there is nothing to advise
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: GitHub answers %d", e.What, e.Status)
	if e.Message != "" {
		s += " " + e.Message
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// IsNotFound says whether GitHub answered 404: it is not there, or the token may not see it.
func IsNotFound(err error) bool { return status(err) == http.StatusNotFound }

func status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// explain turns whatever the library returns into an error that says what was asked, holds no secret and fits on a line.
// The hint is for 401, 403 and 404.
func (c *Client) explain(err error, hint, what string, args ...any) error {
	if err == nil {
		return nil
	}
	what = fmt.Sprintf(what, args...)
	var (
		refused *gh.ErrorResponse
		second  *gh.TwoFactorAuthError
		at      *url.Error
	)
	switch {
	case errors.As(err, &second):
		refused = (*gh.ErrorResponse)(second)
	case errors.As(err, &refused):
	case errors.As(err, &at):
		// The URL says no more than what, and the inner error is the one to branch on.
		return c.redact(fmt.Errorf("%s: %w", what, at.Err))
	default:
		return c.redact(fmt.Errorf("%s: %w", what, err))
	}
	e := &Error{What: what, Message: c.clean(words(refused))}
	if refused.Response != nil {
		e.Status = refused.Response.StatusCode
	}
	switch e.Status {
	case http.StatusUnauthorized:
		e.Hint = "the token is wrong, expired or revoked"
	case http.StatusForbidden, http.StatusNotFound:
		e.Hint = hint
	}
	return e
}

func words(r *gh.ErrorResponse) string {
	parts := []string{r.Message}
	for _, e := range r.Errors {
		if s := strings.Join(nonEmpty(e.Resource, e.Field, e.Code, e.Message), " "); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(nonEmpty(parts...), "; ")
}

func nonEmpty(parts ...string) []string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// clean makes GitHub's words safe to repeat: one line, no control characters, no token, not too long.
func (c *Client) clean(s string) string {
	for _, secret := range c.tr.secrets() {
		s = strings.ReplaceAll(s, secret, "[token]")
	}
	return plain(s, maxMessage)
}

// plain is s as one line of at most limit bytes, without control and formatting characters.
func plain(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return ' '
		}
		if unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	return cut(strings.Join(strings.Fields(s), " "), limit)
}

// cut shortens text to at most limit bytes, and shows that it did.
func cut(s string, limit int) string {
	const mark = "…"
	if len(s) <= limit {
		return s
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// redacted hides a secret that got into the text of an error, and keeps what the error is.
type redacted struct {
	text string
	error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.error }

func (c *Client) redact(err error) error {
	text := err.Error()
	for _, secret := range c.tr.secrets() {
		text = strings.ReplaceAll(text, secret, "[token]")
	}
	if text == err.Error() {
		return err
	}
	return &redacted{text: text, error: err}
}
