package githubtest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// RecordVariable names, in the environment, the folder where every server writes down what it was asked and what it
// answered, so that all of it can be held to GitHub's published descriptions (package published). It is read when a server
// is made, unless Options.Record names a folder.
//
// The folder holds one file for each Exchange of a shape of its own, and one for each program and working directory that
// made a server: nobody who uses the server can be forgotten.
const RecordVariable = "GITHUBTEST_RECORD"

// Exchange is one request to the API and its answer. git's own protocol is none: no description speaks of it.
type Exchange struct {
	Method      string `json:"method"` // GET for HEAD, whose answer is that of GET without its body
	Path        string `json:"path"`   // escaped, without /api/v3
	Query       string `json:"query,omitempty"`
	RequestType string `json:"request_type,omitempty"`
	Request     string `json:"request,omitempty"`
	Status      int    `json:"status"` // 0: a scripted Failure stood in for the answer
	AnswerType  string `json:"answer_type,omitempty"`
	Answer      string `json:"answer,omitempty"`
}

// ServerUser is who made a server: the program and the folder it ran in.
type ServerUser struct {
	Program string `json:"program"`
	Folder  string `json:"folder"`
}

// Below the folder of records.
const (
	exchangesFolder = "exchanges"
	usersFolder     = "users"
)

// recorder writes records; without a folder it does nothing.
type recorder struct{ dir string }

func newRecorder(dir string) (recorder, error) {
	dir = cmp.Or(dir, os.Getenv(RecordVariable))
	if dir == "" {
		return recorder{}, nil
	}
	for _, sub := range []string{exchangesFolder, usersFolder} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return recorder{}, fmt.Errorf("githubtest: record: %w", err)
		}
	}
	folder, err := os.Getwd()
	if err != nil {
		return recorder{}, fmt.Errorf("githubtest: record: %w", err)
	}
	r := recorder{dir}
	user := ServerUser{Program: filepath.Base(os.Args[0]), Folder: folder}
	return r, r.keep(usersFolder, user.Program+" "+user.Folder, user)
}

// record panics when the folder cannot be written: what is not recorded is not checked, and must not pass for checked.
func (r recorder) record(req *http.Request, body []byte, status int, header http.Header, answer []byte) {
	if r.dir == "" {
		return
	}
	e := Exchange{Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery, Request: string(body), Status: status,
		RequestType: req.Header.Get("Content-Type"), AnswerType: header.Get("Content-Type"), Answer: string(answer)}
	if e.Method == http.MethodHead {
		e.Method = http.MethodGet
	}
	if err := r.keep(exchangesFolder, e.shape(), e); err != nil {
		panic(err)
	}
}

// keep writes a record unless there is one of that key. Several processes may keep the same one at once.
func (r recorder) keep(sub, key string, what any) error {
	sum := sha256.Sum256([]byte(key))
	name := filepath.Join(r.dir, sub, hex.EncodeToString(sum[:16])+".json")
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("githubtest: record: %w", err)
	}
	f, err := os.CreateTemp(r.dir, "new-")
	if err != nil {
		return fmt.Errorf("githubtest: record: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("githubtest: record: %w", err)
	}
	return nil
}

// Recorded reads what servers wrote down in a folder, in no order that means anything.
func Recorded(dir string) ([]Exchange, []ServerUser, error) {
	exchanges, err := recordsIn[Exchange](filepath.Join(dir, exchangesFolder))
	if err != nil {
		return nil, nil, err
	}
	users, err := recordsIn[ServerUser](filepath.Join(dir, usersFolder))
	return exchanges, users, err
}

func recordsIn[T any](dir string) ([]T, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("githubtest: read records: %w", err)
	}
	var list []T
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("githubtest: read records: %w", err)
		}
		var one T
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("githubtest: read record %s: %w", entry.Name(), err)
		}
		list = append(list, one)
	}
	return list, nil
}

// shape is the same for exchanges that a description cannot tell apart: it keeps names, types, signs, and the letters of
// short texts, for those may be words that a description lists; digits, the length of lists and long texts go.
func (e Exchange) shape() string {
	query := strings.Split(e.Query, "&")
	slices.Sort(query)
	return fmt.Sprintf("%s %s?%s %s %s %d %s %s", e.Method, blur(e.Path), blur(strings.Join(query, "&")),
		e.RequestType, shapeOf(e.Request), e.Status, e.AnswerType, shapeOf(e.Answer))
}

func shapeOf(body string) string {
	var v any
	if body == "" || json.Unmarshal([]byte(body), &v) != nil {
		return blur(body)
	}
	var b strings.Builder
	writeShape(&b, v)
	return b.String()
}

func writeShape(b *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		for _, key := range sortedKeys(v) {
			b.WriteString(key)
			b.WriteByte(':')
			writeShape(b, v[key])
		}
		b.WriteByte('}')
	case []any:
		seen := map[string]bool{}
		for _, item := range v {
			seen[shapeOfValue(item)] = true
		}
		fmt.Fprintf(b, "%q", sortedKeys(seen))
	case string:
		fmt.Fprintf(b, "%q", blur(v))
	case float64:
		fmt.Fprintf(b, "%t/%t", v < 0, v == float64(int64(v)))
	default:
		fmt.Fprint(b, v)
	}
}

func shapeOfValue(v any) string {
	var b strings.Builder
	writeShape(&b, v)
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// longText is where a text stops to be a word that a description might list, or a date or an address, in bytes.
const longText = 300

// blur replaces runs of digits, and of hexadecimal digits that hold a digit, by one 0.
func blur(s string) string {
	if len(s) > longText {
		return "…"
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		end, digit := i, false
		for end < len(s) && strings.IndexByte("0123456789abcdef", s[end]) >= 0 {
			digit = digit || s[end] <= '9'
			end++
		}
		switch {
		case end > i && digit:
			out, i = append(out, '0'), end
		case end > i:
			out, i = append(out, s[i:end]...), end
		default:
			out, i = append(out, s[i]), i+1
		}
	}
	return string(out)
}
