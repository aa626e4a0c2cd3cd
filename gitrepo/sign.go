package gitrepo

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// namespace is git's for signatures over SSH keys (gpg-interface.c), so that one made for another use proves nothing here. The format is
// OpenSSH's PROTOCOL.sshsig.
const namespace = "git"

type sshSigner struct{ key ssh.Signer }

// SSHSigner signs commits with an Ed25519 or ECDSA P-256 key, in the form that git verify-commit checks against gpg.ssh.allowedSignersFile.
func SSHSigner(key crypto.Signer) (Signer, error) {
	if _, err := sshKey(key.Public()); err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return sshSigner{signer}, nil
}

func (s sshSigner) Sign(message []byte) (string, error) {
	signature, err := sshsig.Sign(bytes.NewReader(message), s.key, sshsig.HashSHA512, namespace)
	if err != nil {
		return "", err
	}
	return string(sshsig.Armor(signature)), nil
}

func sshKey(key crypto.PublicKey) (ssh.PublicKey, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return ssh.NewPublicKey(k)
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return ssh.NewPublicKey(k)
		}
	}
	return nil, fmt.Errorf("signing key of type %T: only Ed25519 and ECDSA P-256 sign commits", key)
}

// AllowedSigners is a line, with its line break, for the file that gpg.ssh.allowedSignersFile names (ssh-keygen(1), ALLOWED SIGNERS):
// the key signs commits as the principal, and nothing else.
func AllowedSigners(principal string, key crypto.PublicKey) (string, error) {
	if principal == "" || strings.ContainsAny(principal, " \t\r\n\",*?!#") {
		return "", fmt.Errorf("bad principal %q: give one name or address, without spaces, patterns or quotes", principal)
	}
	public, err := sshKey(key)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s namespaces=%q %s", principal, namespace, ssh.MarshalAuthorizedKey(public)), nil
}

// VerifyCommit proves that one of the keys signed the commit. ErrUnsigned is for no signature at all, ErrBadSignature for one of another
// kind, by another key, or over other bytes.
func (r *Repo) VerifyCommit(h Hash, keys []crypto.PublicKey) error {
	raw, err := r.object(plumbing.CommitObject, h, maxCommit)
	if err != nil {
		return err
	}
	c, signed, err := parseCommit(raw)
	if err != nil {
		return fmt.Errorf("commit %s: %w: %w", h, ErrMalformed, err)
	}
	if c.Signature == "" {
		return fmt.Errorf("commit %s: %w", h, ErrUnsigned)
	}
	if err := verify(c.Signature, signed, keys); err != nil {
		return fmt.Errorf("commit %s: %w: %w", h, ErrBadSignature, err)
	}
	return nil
}

func verify(armoured string, signed []byte, keys []crypto.PublicKey) error {
	signature, err := sshsig.Unarmor([]byte(armoured))
	if err != nil {
		return fmt.Errorf("not a signature by an SSH key: %w", err)
	}
	for _, key := range keys {
		public, err := sshKey(key)
		if err != nil {
			return err
		}
		if bytes.Equal(public.Marshal(), signature.PublicKey.Marshal()) {
			return sshsig.Verify(bytes.NewReader(signed), signature, public, signature.HashAlgorithm, namespace)
		}
	}
	return fmt.Errorf("by a key that is not trusted here (%s)", ssh.FingerprintSHA256(signature.PublicKey))
}
