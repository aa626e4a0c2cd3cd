package ledger

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lapse-access/lapse/grants"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

// TrustDir is the folder of the access repository that holds what may sign receipts: public keys, one *.pub each, and identities of
// workflows, one *.identity.yaml each.
const TrustDir = ".lapse/trust"

// Verifier is what may sign receipts: a public key, or the identity of a workflow.
type Verifier struct {
	ID       string           // of a key: as [Key.ID]; of an identity: itself in words
	Public   crypto.PublicKey // nil for an identity
	Identity *grants.Identity // nil for a key
	check    signature.Verifier
}

// Verifiers are what may sign receipts, each once.
type Verifiers []Verifier

// VerifierOf makes a verifier of an Ed25519 key or an ECDSA key on P-256.
func VerifierOf(public crypto.PublicKey) (Verifier, error) {
	id, err := keyID(public)
	if err != nil {
		return Verifier{}, fmt.Errorf("public key: %w", err)
	}
	check, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return Verifier{}, fmt.Errorf("public key %s: %w", id, err)
	}
	return Verifier{ID: id, Public: public, check: check}, nil
}

// VerifierOfIdentity makes a verifier of the identity of a workflow.
func VerifierOfIdentity(id grants.Identity) Verifier {
	return Verifier{ID: id.String(), Identity: &id}
}

// same says whether two verifiers are the same key, or the same identity for the same time.
func (v Verifier) same(w Verifier) bool {
	if v.Identity == nil || w.Identity == nil {
		return v.ID == w.ID && v.Identity == w.Identity
	}
	return *v.Identity == *w.Identity
}

func (vs Verifiers) has(v Verifier) bool { return slices.ContainsFunc(vs, v.same) }

// hasEver is has, for an identity at whatever time.
func (vs Verifiers) hasEver(v Verifier) bool {
	return vs.has(v) || v.Identity != nil && slices.ContainsFunc(vs, func(w Verifier) bool { return w.Identity != nil && w.Identity.Is(*v.Identity) })
}

// Keys are the public keys among them.
func (vs Verifiers) Keys() []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, v := range vs {
		if v.Public != nil {
			keys = append(keys, v.Public)
		}
	}
	return keys
}

// ByID is the verifier with the given ID.
func (vs Verifiers) ByID(id string) (Verifier, bool) {
	for _, v := range vs {
		if v.ID == id {
			return v, true
		}
	}
	return Verifier{}, false
}

// With is vs and more, each once; vs itself is left as it is.
func (vs Verifiers) With(more ...Verifier) Verifiers {
	all := vs[:len(vs):len(vs)]
	for _, v := range more {
		if !all.has(v) {
			all = append(all, v)
		}
	}
	return all
}

// LoadVerifiers reads what [TrustDir] of an access repository holds. A file that is neither a public key nor an identity is a problem
// and is left out. No such folder means none.
func LoadVerifiers(fsys fs.FS) (Verifiers, []grants.Problem) {
	entries, err := fs.ReadDir(fsys, TrustDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []grants.Problem{{Pos: grants.Pos{File: TrustDir}, Text: "cannot be listed: " + err.Error()}}
	}
	var vs Verifiers
	var problems []grants.Problem
	for _, entry := range entries {
		v, ps := loadVerifier(fsys, entry)
		if problems = append(problems, ps...); len(ps) == 0 {
			vs = vs.With(v)
		}
	}
	return vs, problems
}

const belongs = "public keys (*.pub) and identities of workflows (*" + identitySuffix + ") belong here, one file each"

const identitySuffix = ".identity.yaml"

func loadVerifier(fsys fs.FS, entry fs.DirEntry) (Verifier, []grants.Problem) {
	file := path.Join(TrustDir, entry.Name())
	problem := func(text, hint string) (Verifier, []grants.Problem) {
		return Verifier{}, []grants.Problem{{Pos: grants.Pos{File: file}, Text: text, Hint: hint}}
	}
	if !entry.Type().IsRegular() {
		return problem("not a plain file", belongs)
	}
	data, err := readSmall(fsys, file, maxKey)
	if err != nil {
		return problem(err.Error(), "")
	}
	return ParseVerifier(file, data)
}

// ParseVerifier reads what a file of [TrustDir] holds: a public key, or, in a file that is named so, an identity of a workflow.
func ParseVerifier(file string, data []byte) (Verifier, []grants.Problem) {
	problem := func(text, hint string) (Verifier, []grants.Problem) {
		return Verifier{}, []grants.Problem{{Pos: grants.Pos{File: file}, Text: text, Hint: hint}}
	}
	isIdentity := strings.HasSuffix(file, identitySuffix)
	switch {
	case !isIdentity && !strings.HasSuffix(file, ".pub"):
		return problem("not named *.pub or *"+identitySuffix, belongs)
	case isIdentity:
		id, problems := grants.ParseIdentity(file, data)
		return VerifierOfIdentity(id), problems
	}
	v, text, hint := readVerifier(data)
	if text != "" {
		return problem(text, hint)
	}
	return v, nil
}

// readVerifier reads one public key; text says what is wrong with it, hint what next.
func readVerifier(data []byte) (v Verifier, text, hint string) {
	if bytes.HasPrefix(data, []byte("ssh-")) || bytes.HasPrefix(data, []byte("ecdsa-sha2-")) {
		return v, "an OpenSSH public key", "write it as PEM: ssh-keygen -e -m PKCS8 -f key.pub"
	}
	block, err := oneBlock(data)
	if err != nil {
		return v, err.Error(), "one public key in PEM form"
	}
	if strings.Contains(block.Type, "PRIVATE") {
		return v, "a private key, which everyone who can read the repository now has", "make a new key and put its public half here"
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(data)
	if err != nil {
		return v, "not a public key", "one public key in PEM form, of type PUBLIC KEY"
	}
	v, err = VerifierOf(public)
	if err != nil {
		return v, err.Error(), ""
	}
	return v, "", ""
}

// readSmall reads a file of at most limit bytes.
func readSmall(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("longer than %d bytes", limit)
	}
	return data, nil
}
