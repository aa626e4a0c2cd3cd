package gitrepo

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// What callers branch on. Every error of this package that has one of these causes satisfies errors.Is.
var (
	ErrNoRef          = errors.New("the remote has no such ref")
	ErrNoObject       = errors.New("object is missing")
	ErrMoved          = errors.New("the remote ref has moved")
	ErrRejected       = errors.New("the remote rejected the push")
	ErrNotFastForward = errors.New("not a fast-forward")
	ErrNotAncestor    = errors.New("not on the first-parent chain")
	ErrLimit          = errors.New("limit exceeded")
	ErrMalformed      = errors.New("malformed object")
	ErrIncomplete     = errors.New("the history is not whole")
	ErrUnsigned       = errors.New("commit is not signed")
	ErrReadOnly       = errors.New("a clone that is opened to be read")
	ErrBadSignature   = errors.New("bad signature")
)

// scrubbed is an error from the network whose text has lost the token and all that a terminal could act on. The cause is
// reachable through errors.Is alone: unwrapping would give the unscrubbed text back.
type scrubbed struct {
	text  string
	cause error
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Is(target error) bool { return errors.Is(e.cause, target) }

// maxErrorText bounds, in bytes, what a server can put into an error.
const maxErrorText = 1000

func (r Remote) scrub(doing string, err error) error {
	if err == nil {
		return nil
	}
	text := doing + " " + r.URL + ": " + err.Error()
	for _, token := range append(r.used.list(), r.Token) {
		if token == "" {
			continue
		}
		pair := r.Username + ":" + token
		for _, secret := range []string{
			base64.StdEncoding.EncodeToString([]byte(pair)), base64.URLEncoding.EncodeToString([]byte(pair)),
			token, url.PathEscape(token), url.QueryEscape(token),
		} {
			text = strings.ReplaceAll(text, secret, "[token]")
		}
	}
	text = printable(text)
	for _, closed := range []error{transport.ErrAuthenticationRequired, transport.ErrAuthorizationFailed, transport.ErrRepositoryNotFound} {
		if errors.Is(err, closed) {
			text += " (does it exist, and has the token the permission contents there?)"
		}
	}
	return &scrubbed{text, err}
}

// printable makes text from a server fit for one line of a log: no control or format character, no endless length.
func printable(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	clean = strings.Join(strings.Fields(clean), " ")
	if len(clean) > maxErrorText {
		clean = strings.ToValidUTF8(clean[:maxErrorText], "") + "…"
	}
	return clean
}
