package render

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minPart is the least length at which a part of a secret (a line of a key, the middle of a base64 form) is itself
// hidden: anything shorter would blot out ordinary words and gives nothing away.
const minPart = 8

// SecretScrubber returns a function that replaces every secret by ***. A secret is found as it is; escaped for a URL, JSON, HTML,
// Go or a terminal; in hex; in base64, also where it is part of a longer base64 text. Of a secret that is a connection
// string the password is a secret too; of one with several lines, each line.
// Empty secrets are ignored.
func SecretScrubber(secrets ...string) func(string) string {
	forms := map[string]bool{}
	for _, s := range secrets {
		addSecret(forms, s)
		for _, password := range passwords(s) {
			addSecret(forms, password)
		}
		for _, line := range strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if len(line) >= minPart && !strings.HasPrefix(line, "-----") {
				addSecret(forms, line)
			}
		}
	}
	list := make([]string, 0, len(forms))
	for form := range forms {
		list = append(list, form)
	}
	slices.Sort(list)
	return func(s string) string { return scrub(s, list) }
}

// addSecret adds every form in which the secret may be written.
func addSecret(forms map[string]bool, s string) {
	add := func(form string) {
		if form != "" {
			forms[form] = true
		}
	}
	trimmed := strings.TrimSpace(s)
	for _, v := range []string{s, trimmed} {
		if v == "" {
			continue
		}
		add(v)
		for _, escaped := range []string{url.QueryEscape(v), url.PathEscape(v), percentAll(v)} {
			add(escaped)
			add(lowerPercent(escaped))
		}
		if user := url.UserPassword("u", v).String(); len(user) > 2 {
			add(user[2:])
		}
		add(quoted(v))
		add(unquote(strconv.Quote(v)))
		add(html.EscapeString(v))
		add(Text(v))
		add(HTML(v))
		add(hex.EncodeToString([]byte(v)))
		add(strings.ToUpper(hex.EncodeToString([]byte(v))))
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			add(e.EncodeToString([]byte(v)))
		}
		for _, middle := range base64Middles(v) {
			add(middle)
		}
	}
}

// base64Middles are the characters that base64 of any text around v must have, for each of the three places at which v can
// begin within a group of three bytes.
func base64Middles(v string) []string {
	var out []string
	for lead := range 3 {
		// A character stands for 6 bits; those that hold a bit of what comes before or after are left off.
		first := (lead*8 + 5) / 6
		last := (lead + len(v)) * 8 / 6
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString([]byte(strings.Repeat("\x00", lead) + v))
			if last-first >= minPart {
				out = append(out, text[first:last])
			}
		}
	}
	return out
}

var passwordSetting = regexp.MustCompile(`(?i)(?:password|passwd|pwd|sslpassword)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s;&']+))`)

// passwords are the passwords within a connection string, as written and decoded.
func passwords(s string) []string {
	var out []string
	if u, err := url.Parse(strings.TrimSpace(s)); err == nil && u.User != nil {
		password, _ := u.User.Password()
		out = append(out, password)
	}
	if _, rest, ok := strings.Cut(s, "://"); ok { // also where the whole does not parse as a URL
		authority, _, _ := strings.Cut(rest, "/")
		for _, part := range []string{authority, rest} {
			if i := strings.LastIndex(part, "@"); i >= 0 {
				_, password, _ := strings.Cut(part[:i], ":")
				out = append(out, password)
			}
		}
	}
	for _, m := range passwordSetting.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1], m[2], strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(m[1]))
		if decoded, err := url.QueryUnescape(m[2]); err == nil {
			out = append(out, decoded)
		}
	}
	return out
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return unquote(string(b))
}

// unquote takes off the quotes around s.
func unquote(s string) string { return s[1 : len(s)-1] }

func percentAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

var percentCode = regexp.MustCompile(`%[0-9A-F]{2}`)

func lowerPercent(s string) string { return percentCode.ReplaceAllStringFunc(s, strings.ToLower) }

// scrub replaces every byte that belongs to an occurrence of a form, overlapping ones included; each run of them by ***.
func scrub(s string, forms []string) string {
	hidden := make([]bool, len(s))
	found := false
	for _, form := range forms {
		for at := 0; at < len(s); at++ {
			i := strings.Index(s[at:], form)
			if i < 0 {
				break
			}
			at += i
			for j := range len(form) {
				hidden[at+j] = true
			}
			found = true
		}
	}
	if !found {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		switch {
		case !hidden[i]:
			b.WriteByte(s[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString("***")
		}
	}
	return b.String()
}
