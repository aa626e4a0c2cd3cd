package ledger

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/lapse-access/lapse/grants"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

// TrustDir is the folder of the access repository that holds the public keys that may sign receipts, one *.pub each.
const TrustDir = ".lapse/trust"

// Verifier is a public key that may sign receipts.
type Verifier struct {
	ID     string // as [Key.ID]
	Public crypto.PublicKey
	check  signature.Verifier
}

// Verifiers are the keys that may sign receipts, each once.
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

// ByID is the verifier with the given ID.
func (vs Verifiers) ByID(id string) (Verifier, bool) {
	for _, v := range vs {
		if v.ID == id {
			return v, true
		}
	}
	return Verifier{}, false
}

// with is vs and more, each key once; vs itself is left as it is.
func (vs Verifiers) with(more Verifiers) Verifiers {
	all := vs[:len(vs):len(vs)]
	for _, v := range more {
		if _, known := all.ByID(v.ID); !known {
			all = append(all, v)
		}
	}
	return all
}

// LoadVerifiers reads the public keys in [TrustDir] of an access repository. A file that is not one is a problem and is
// left out. No such folder means no keys.
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
		v, text, hint := loadVerifier(fsys, entry)
		if text != "" {
			file := path.Join(TrustDir, entry.Name())
			problems = append(problems, grants.Problem{Pos: grants.Pos{File: file}, Text: text, Hint: hint})
			continue
		}
		vs = vs.with(Verifiers{v})
	}
	return vs, problems
}

// loadVerifier reads one file; text says what is wrong with it, hint what next.
func loadVerifier(fsys fs.FS, entry fs.DirEntry) (v Verifier, text, hint string) {
	switch {
	case !entry.Type().IsRegular():
		return v, "not a plain file", "only public keys, one file each, belong here"
	case !strings.HasSuffix(entry.Name(), ".pub"):
		return v, "not named *.pub", "only public keys, one file each, belong here"
	}
	data, err := readSmall(fsys, path.Join(TrustDir, entry.Name()), maxKey)
	if err != nil {
		return v, err.Error(), ""
	}
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
