package policies

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lapse-access/lapse/grants"
	"github.com/open-policy-agent/opa/v1/ast"
)

// The bounds of a policy set. What exceeds one is a problem, so that nothing is judged by part of a policy.
const (
	Folder = "policies" // of the access repository

	maxFiles     = 200
	maxFileSize  = 256 << 10 // bytes
	maxTotalSize = 2 << 20   // bytes
	maxProblems  = 100

	compileLimit  = 30 * time.Second
	evaluateLimit = 5 * time.Second // of one Request or Active
)

// The packages that are asked.
const (
	packageRequest = "request"
	packageActive  = "active"
)

// Set is the policies of one commit, compiled. It is safe for concurrent use. The zero Set answers that it is broken.
type Set struct {
	digest   string
	problems []grants.Problem
	rules    map[string][]rule // package → what is asked of it; nil if the policies do not compile
	limit    time.Duration     // of one evaluation
}

// Load reads and compiles policies/*.rego of a commit. It never fails as a whole: what is wrong is in [Set.Problems], and
// every answer of the set repeats it as broken. Files whose name ends in _test.rego are compiled, but nothing in them is
// ever asked; files that are not .rego are ignored.
func Load(fsys fs.FS) *Set {
	files, problems := readFolder(fsys)
	s := &Set{digest: digest(files), limit: evaluateLimit}
	if len(problems) > 0 {
		// A file that was not read may hold what the others need: without it nothing can be asked, nor judged.
		s.problems = tidy(problems)
		return s
	}
	type built struct {
		rules    map[string][]rule
		problems []grants.Problem
	}
	b, err := within(compileLimit, func() built {
		rules, problems := build(files)
		return built{rules, problems}
	})
	if err != nil {
		b.problems = []grants.Problem{folderProblem(fmt.Sprintf("compile policies: %v", err), "make them simpler")}
	}
	s.rules, s.problems = b.rules, tidy(b.problems)
	return s
}

// Problems is everything that makes the policies unfit to be asked, sorted by place.
func (s *Set) Problems() []grants.Problem { return slices.Clone(s.problems) }

// Digest is "sha256:<hex>" over the names and bytes of the policy files, tests included, in the order of their names.
func (s *Set) Digest() string { return s.digest }

// file is one policies/*.rego. Its path is in the access repository.
type file struct {
	path  string
	bytes []byte
}

// isTest says whether the file holds tests: `conftest verify` runs them, and no decision looks at them.
func (f file) isTest() bool { return isTestFile(f.path) }

func isTestFile(path string) bool { return strings.HasSuffix(path, "_test.rego") }

// plainName is the shape of a policy file's name: it becomes a path on disk, and part of every message about the file.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.rego$`)

// readFolder reads the policy files that can be read, sorted by name, and says what is wrong with the others.
func readFolder(fsys fs.FS) ([]file, []grants.Problem) {
	entries, err := fs.ReadDir(fsys, Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, []grants.Problem{folderProblem(fmt.Sprintf("read %s: %v", Folder, err), "")}
	}
	var files []file
	var problems []grants.Problem
	total := 0
	for _, e := range entries {
		path := Folder + "/" + e.Name()
		if text, hint := refuseEntry(e); text != "" {
			problems = append(problems, fileProblem(path, text, hint))
			continue
		}
		if !strings.HasSuffix(e.Name(), ".rego") {
			continue
		}
		f, p := readFile(fsys, path)
		if p != nil {
			problems = append(problems, *p)
			continue
		}
		total += len(f.bytes)
		files = append(files, f)
	}
	switch {
	case len(files) > maxFiles:
		problems = append(problems, folderProblem(fmt.Sprintf("%d policy files; at most %d are read", len(files), maxFiles), "put related rules into one file"))
		files = nil
	case total > maxTotalSize:
		problems = append(problems, folderProblem(fmt.Sprintf("the policy files are %d bytes; at most %d are read", total, maxTotalSize), ""))
		files = nil
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.path, b.path) })
	return files, problems
}

// refuseEntry says why an entry of the folder is a problem; "" if it is not one.
func refuseEntry(e fs.DirEntry) (text, hint string) {
	name := e.Name()
	rego := strings.EqualFold(extension(name), ".rego")
	switch {
	case e.IsDir():
		return "a folder in policies/", "move its policies up: only policies/*.rego is read"
	case !rego:
		return "", ""
	case !e.Type().IsRegular():
		return "not a plain file", "replace the link by the file that it names"
	case !plainName.MatchString(name):
		return "the name of a policy file is made of letters, digits, _, - and ., and ends in .rego", ""
	}
	return "", ""
}

func extension(name string) string { return name[max(strings.LastIndexByte(name, '.'), 0):] }

// readFile reads one policy file within the limits.
func readFile(fsys fs.FS, path string) (file, *grants.Problem) {
	refuse := func(text, hint string) (file, *grants.Problem) {
		p := fileProblem(path, text, hint)
		return file{}, &p
	}
	r, err := fsys.Open(path)
	if err != nil {
		return refuse(fmt.Sprintf("open: %v", err), "")
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	if err != nil {
		return refuse(fmt.Sprintf("read: %v", err), "")
	}
	if len(b) > maxFileSize {
		return refuse(fmt.Sprintf("larger than %d bytes", maxFileSize), "split it")
	}
	if !utf8.Valid(b) {
		return refuse("not UTF-8", "save the file as UTF-8")
	}
	if i := bytes.IndexFunc(b, hidden); i >= 0 {
		p := fileProblem(path, "an invisible character that changes how the text reads", "remove it")
		p.Line = 1 + bytes.Count(b[:i], []byte("\n"))
		p.Column = 1 + utf8.RuneCount(b[bytes.LastIndexByte(b[:i], '\n')+1:i])
		return file{}, &p
	}
	return file{path, b}, nil
}

// hidden says whether a reviewer could not see the rune, or would see the text around it in another order.
func hidden(r rune) bool {
	if r == '\n' || r == '\r' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

func digest(files []file) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s\x00%d\x00", f.path, len(f.bytes))
		h.Write(f.bytes)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// build compiles the files. The rules are nil if they cannot be asked; with rules, the problems still make every answer
// broken, but a person who has left is still found by package active.
func build(files []file) (map[string][]rule, []grants.Problem) {
	if !slices.ContainsFunc(files, func(f file) bool { return !f.isTest() }) {
		return nil, []grants.Problem{folderProblem("there is no policy: nothing can be approved without one",
			"add policies/request.rego with package request and a deny rule")}
	}
	modules, problems := parse(files)
	if len(problems) > 0 {
		return nil, problems
	}
	problems = lint(modules)
	compiled := compile(modules)
	if compiled.Failed() {
		problems = append(problems, fromError(Folder, compiled.Errors)...)
	} else {
		problems = append(problems, lintCalls(compiled)...)
	}
	rules, more := load(files)
	if rules != nil || !compiled.Failed() { // else they are the same errors again
		problems = append(problems, more...)
	}
	return rules, problems
}

// parse parses each file alone, so that one that does not parse hides nothing of the others.
func parse(files []file) (map[string]*ast.Module, []grants.Problem) {
	modules := make(map[string]*ast.Module, len(files))
	var problems []grants.Problem
	opts := ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true, Capabilities: capabilities()}
	for _, f := range files {
		m, err := ast.ParseModuleWithOpts(f.path, string(f.bytes), opts)
		switch {
		case err != nil:
			problems = append(problems, fromError(f.path, err)...)
		case m == nil:
			problems = append(problems, fileProblem(f.path, "an empty policy file", "remove it, or begin with package request"))
		default:
			modules[f.path] = m
		}
	}
	return modules, problems
}

func fileProblem(path, text, hint string) grants.Problem {
	return grants.Problem{Pos: grants.Pos{File: path}, Text: text, Hint: hint}
}

func folderProblem(text, hint string) grants.Problem { return fileProblem(Folder, text, hint) }

// tidy sorts problems by place, drops repeated ones and keeps the list readable.
func tidy(problems []grants.Problem) []grants.Problem {
	slices.SortFunc(problems, func(a, b grants.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	problems = slices.Compact(problems)
	if n := len(problems); n > maxProblems {
		problems = append(problems[:maxProblems:maxProblems], folderProblem(fmt.Sprintf("%d more problems", n-maxProblems), ""))
	}
	return problems
}
