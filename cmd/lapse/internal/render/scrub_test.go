package render

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
)

func TestA64NoFormOfASecretIsLeft(t *testing.T) {
	const secret = "p@ss w/rd&'\"<+>%\n2é\u202e"
	asJSON, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]string{
		"as it is":      secret,
		"query":         url.QueryEscape(secret),
		"path":          url.PathEscape(secret),
		"lower percent": strings.ToLower(url.QueryEscape("p@ss w/rd&'\"<+>%\n2é\u202e")),
		"userinfo":      url.UserPassword("app", secret).String()[len("app:"):],
		"json":          string(asJSON)[1 : len(asJSON)-1],
		"quoted":        strings.Trim(fmt.Sprintf("%q", secret), `"`),
		"html":          html.EscapeString(secret),
		"terminal":      Text(secret),
		"page":          HTML(secret),
		"hex":           hex.EncodeToString([]byte(secret)),
		"base64":        base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64url":     base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	scrubbed := SecretScrubber("", secret)
	for name, form := range written {
		got := scrubbed("connect to db: " + form + ", refused")
		if got != "connect to db: ***, refused" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestA64ASecretWithinBase64IsHidden(t *testing.T) {
	const secret = "a-token-of-some-length"
	scrubbed := SecretScrubber(secret)
	for _, user := range []string{"", "x", "xy", "xyz", "x-access-token"} {
		header := base64.StdEncoding.EncodeToString([]byte(user + ":" + secret + "\n"))
		got := scrubbed("Authorization: Basic " + header)
		// A character that also holds bits of a neighbour is left: at most one at either end, and so at most ten bits.
		hidden := len(header) - (len(got) - len("Authorization: Basic ***"))
		if hidden < (len(secret)*8-10)/6 {
			t.Errorf("user %q: only %d characters are hidden: %q", user, hidden, got)
		}
		if !strings.Contains(got, "***") {
			t.Errorf("user %q: %q", user, got)
		}
	}
}

func TestA64ThePasswordOfAConnectionStringIsASecret(t *testing.T) {
	for dsn, password := range map[string]string{
		"postgres://lapse:hunter2@db.acme.com:5432/orders?sslmode=require": "hunter2",
		"postgres://lapse:hunt%65r%2F2@db.acme.com/orders":                 "hunter/2",
		"postgres://lapse:a@b:c@db/orders":                                 "a@b:c",
		"host=db user=lapse password=hunter2 sslmode=require":              "hunter2",
		`host=db password = 'it\'s hunter'`:                                "it's hunter",
		"postgres://db/orders?user=lapse&password=hunter2&x=y":             "hunter2",
		"postgres://lapse:bad%zz@db/orders":                                "bad%zz",
		"postgres://lapse:bad%zz@db/orders?user=a@b":                       "bad%zz",
		"postgres://lapse:bad%zz/d@db/orders":                              "bad%zz/d",
		"postgres://lapse:bad%zz@b:c@db/orders":                            "bad%zz@b:c",
	} {
		got := SecretScrubber(dsn)(`password authentication failed: tried "` + password + `" at ` + dsn)
		if want := `password authentication failed: tried "***" at ***`; got != want {
			t.Errorf("%s: %q", dsn, got)
		}
	}
}

func TestA64LinesOfAKeyAndOverlappingSecretsAreHidden(t *testing.T) {
	key := "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+D\nYno2vd4uVJJwGxCvhm3F\n-----END PRIVATE KEY-----\n"
	got := SecretScrubber(key)("cannot parse MC4CAQAwBQYDK2VwBCIEIJ+D in line 2 of -----BEGIN PRIVATE KEY-----")
	if want := "cannot parse *** in line 2 of -----BEGIN PRIVATE KEY-----"; got != want {
		t.Errorf("got %q", got)
	}
	if got := SecretScrubber("abcd", "cdef")("xabcdefx abcd"); got != "x***x ***" {
		t.Errorf("overlapping: %q", got)
	}
	if got := SecretScrubber(key)(key); strings.Contains(got, "MC4C") {
		t.Errorf("the key: %q", got)
	}
}

func TestNothingIsHiddenWithoutASecret(t *testing.T) {
	for _, s := range append([]string{"Approved by bob"}, hostile...) {
		if got := SecretScrubber("", " \n")(s); got != s && !strings.Contains(s, " \n") {
			t.Errorf("%q became %q", s, got)
		}
	}
}
