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
	const secret = "p@ss w/rd&'\"<+>%\n2é"
	asJSON, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]string{
		"as it is":      secret,
		"query":         url.QueryEscape(secret),
		"path":          url.PathEscape(secret),
		"lower percent": strings.ToLower(url.QueryEscape("p@ss w/rd&'\"<+>%\n2é")),
		"userinfo":      url.UserPassword("app", secret).String()[len("app:"):],
		"json":          string(asJSON)[1 : len(asJSON)-1],
		"quoted":        fmt.Sprintf("%q", secret)[1:],
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
		if strings.Contains(got, form) || !strings.HasPrefix(got, "connect to db: ***") || !strings.HasSuffix(got, ", refused") {
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
		for i := 0; i+12 <= len(header); i++ { // of 30 characters at most a few at either end are left
			if part := header[i : i+12]; strings.Contains(got, part) && i >= (len(user)+1)*4/3 && i+12 <= len(header)-4 {
				t.Errorf("user %q: %q still shows %q", user, got, part)
			}
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
	} {
		got := SecretScrubber(dsn)(`password authentication failed: tried "` + password + `" at ` + dsn)
		if strings.Contains(got, password) || strings.Contains(got, dsn) {
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
