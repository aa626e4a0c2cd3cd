package keyless

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/lapse-access/lapse/grants"
	"github.com/lapse-access/lapse/ledger"
	"github.com/lapse-access/lapse/ledger/keyless/keylesstest"
)

// started is theSigstore, once a test has asked for it.
var started *keylesstest.Sigstore

// theSigstore is one for all tests that do it no harm.
var theSigstore = sync.OnceValues(func() (*keylesstest.Sigstore, error) {
	dir, err := os.MkdirTemp("", "sigstore")
	if err != nil {
		return nil, err
	}
	started, err = keylesstest.Start(context.Background(), tools(), dir)
	return started, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if started != nil {
		started.Close()
		_ = os.RemoveAll(filepath.Dir(started.TrustedRoot))
	}
	os.Exit(code)
}

// tools is the folder that make needs fills.
func tools() string {
	if dir := os.Getenv("LAPSE_TOOLS"); dir != "" {
		return dir
	}
	cache, _ := os.UserCacheDir()
	return filepath.Join(cache, "lapse-tools")
}

func sigstore(t *testing.T) *keylesstest.Sigstore {
	t.Helper()
	s, err := theSigstore()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// another is one that nobody else uses.
func another(t *testing.T) *keylesstest.Sigstore {
	t.Helper()
	s, err := keylesstest.Start(t.Context(), tools(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

const (
	repository = 731
	commit     = "1111111111111111111111111111111111111111"
)

func monday() time.Time { return time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC) }

// reconcile is the workflow that signs.
func reconcile() keylesstest.Workflow {
	return keylesstest.Workflow{
		Repository: "acme/access", RepositoryID: repository, File: "lapse-reconcile.yml", Ref: "refs/heads/main", Server: "https://github.com",
	}
}

// instance is how a program finds the Sigstore.
func instance(s *keylesstest.Sigstore) Instance {
	return Instance{TrustedRoot: s.TrustedRoot, SigningConfig: s.SigningConfig, HTTP: http.DefaultTransport}
}

// signer signs as a workflow of s.
func signer(t *testing.T, s *keylesstest.Sigstore, w keylesstest.Workflow, now func() time.Time) *Signer {
	t.Helper()
	env := s.Environment(w)
	return &Signer{Instance: instance(s), Now: now, Workflow: Workflow{
		RequestURL: env["ACTIONS_ID_TOKEN_REQUEST_URL"], RequestToken: env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], Server: w.Server,
		HTTP: http.DefaultTransport, Secret: func(string) {},
	}}
}

func verifier(t *testing.T, s *keylesstest.Sigstore) *Verifier {
	t.Helper()
	return NewVerifier(func() (root.TrustedMaterial, error) { return instance(s).Root(t.Context()) })
}

// trust is that of a reader who knows s, and trusts one identity.
func trust(t *testing.T, s *keylesstest.Sigstore, id grants.Identity) ledger.Trust {
	t.Helper()
	return ledger.Trust{Roots: ledger.Verifiers{ledger.VerifierOfIdentity(id)}, Keyless: verifier(t, s)}
}

// refused is a receipt that needs no other.
func refused(id string) ledger.Receipt {
	return ledger.Receipt{
		Kind: ledger.Refused, Commit: commit, Reasons: []string{"nobody approved it"}, Judgement: []byte(`{}`),
		Grant: &ledger.Grant{ID: id, Digest: grants.Digest([]byte(id))},
	}
}

// tree is a ledger branch.
type tree map[string][]byte

func (tr tree) fs() fs.FS {
	m := fstest.MapFS{}
	for path, data := range tr {
		m[path] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	return m
}

// receipts are the paths of the receipts, by number.
func (tr tree) receipts() []string {
	var paths []string
	for n := 1; ; n++ {
		found := ""
		for path := range tr {
			if strings.Contains(path, fmt.Sprintf("/%010d-", n)) {
				found = path
			}
		}
		if found == "" {
			return paths
		}
		paths = append(paths, found)
	}
}

func (tr tree) append(t *testing.T, b *ledger.Book, s ledger.Signer, rs ...ledger.Receipt) {
	t.Helper()
	files, err := b.Append(t.Context(), s, monday(), commit, rs...)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range files {
		if tr[path] = data; data == nil {
			delete(tr, path)
		}
	}
}

func read(t *testing.T, tr tree, tu ledger.Trust) *ledger.Book {
	t.Helper()
	b, err := ledger.ReadOf(repository, tr.fs(), tu)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// life is a ledger of two appends by one workflow, five receipts in all.
func life(t *testing.T, s *keylesstest.Sigstore, w keylesstest.Workflow) (tree, ledger.Trust) {
	t.Helper()
	tu := trust(t, s, s.Issuer.Identity(w))
	b, tr, by := ledger.NewBook(repository, tu), tree{}, signer(t, s, w, time.Now)
	tr.append(t, b, by, refused("a"), refused("b"), refused("c"))
	tr.append(t, b, by, refused("d"), refused("e"))
	return tr, tu
}

func TestAWorkflowSignsWithoutAKey(t *testing.T) {
	s := sigstore(t)
	tr, tu := life(t, s, reconcile())
	b := read(t, tr, tu)
	for _, f := range b.Findings {
		t.Errorf("finding: %s", f)
	}
	if len(b.Receipts()) != 5 {
		t.Errorf("%d receipts, want 5", len(b.Receipts()))
	}
	for i, path := range tr.receipts() {
		stamped := strings.Contains(string(tr[path]), "rfc3161Timestamps")
		if want := i == 2 || i == 4; stamped != want {
			t.Errorf("%s has a timestamp: %v, want %v", path, stamped, want)
		}
	}
	if id := s.Issuer.Identity(reconcile()).String(); b.Keys()[0] != id {
		t.Errorf("signed by %q, want %q", b.Keys()[0], id)
	}
}
