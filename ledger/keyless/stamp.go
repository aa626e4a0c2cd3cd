package keyless

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// A timestamp token has parts that its signature does not cover: the status beside it, certificates, unsigned attributes, parameters of
// algorithms. It is stored without those that a reader who trusts the authority has no need of, and with one form of the rest.
//
// Sources: RFC 3161 section 2.4.2, RFC 5652 section 5.

type response struct {
	Status pkiStatus
	Token  contentInfo
}

type pkiStatus struct{ Status int }

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue // [0] EXPLICIT
}

// signedData is what is kept of one.
type signedData struct {
	Version          int
	DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
	Content          contentInfo
	Signers          []signerInfo `asn1:"set"`
}

// signedDataAsRead may have what is not kept.
type signedDataAsRead struct {
	Version          int
	DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
	Content          contentInfo
	Certificates     optional     `asn1:"optional,tag:0"`
	Lists            optional     `asn1:"optional,tag:1"`
	Signers          []signerInfo `asn1:"set"`
}

type optional struct{ Raw asn1.RawContent }

type signerInfo struct {
	Version    int
	Signer     asn1.RawValue // issuer and serial number
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue // [0] IMPLICIT, signed
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
}

var (
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidRSA        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1} // and below
)

// plainToken is the one stored form of an authority's answer. What the signature covers is as it was.
func plainToken(answer []byte) ([]byte, error) {
	var r response
	if rest, err := asn1.Unmarshal(answer, &r); err != nil || len(rest) > 0 {
		return nil, errors.New("its answer is no timestamp")
	}
	if r.Status.Status > 1 || !r.Token.Type.Equal(oidSignedData) || !isExplicit(r.Token.Content) {
		return nil, fmt.Errorf("it gave no timestamp (status %d)", r.Status.Status)
	}
	var read signedDataAsRead
	if rest, err := asn1.Unmarshal(r.Token.Content.Bytes, &read); err != nil || len(rest) > 0 {
		return nil, errors.New("its timestamp is not signed")
	}
	if len(read.Signers) != 1 || !read.Content.Type.Equal(oidTSTInfo) || !isExplicit(read.Content.Content) {
		return nil, errors.New("its timestamp has not one signer")
	}
	signer := read.Signers[0]
	if a := signer.Attributes; a.Class != asn1.ClassContextSpecific || a.Tag != 0 || !a.IsCompound {
		return nil, errors.New("its timestamp has no signed attributes")
	}
	var info []byte
	if rest, err := asn1.Unmarshal(read.Content.Content.Bytes, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("its timestamp is empty")
	}
	content, err := asn1.Marshal(info)
	if err != nil {
		return nil, fmt.Errorf("its timestamp cannot be written: %w", err)
	}
	signer.Version = 1
	signer.Digest, signer.Algorithm = plainAlgorithm(signer.Digest), plainAlgorithm(signer.Algorithm)
	inner, err := asn1.Marshal(signedData{
		Version: 3, DigestAlgorithms: []pkix.AlgorithmIdentifier{signer.Digest}, Content: contentInfo{oidTSTInfo, explicit(content)}, Signers: []signerInfo{signer},
	})
	if err != nil {
		return nil, fmt.Errorf("its timestamp cannot be written: %w", err)
	}
	return asn1.Marshal(response{Token: contentInfo{oidSignedData, explicit(inner)}})
}

// checkToken says whether an answer has the form that plainToken gives it.
func checkToken(answer []byte) error {
	if err := checkDER(answer, 0); err != nil {
		return err
	}
	plain, err := plainToken(answer)
	if err == nil && !bytes.Equal(plain, answer) {
		err = errors.New("not in the form in which Lapse writes it")
	}
	return err
}

// maxDepth is how deep a token may nest: none has a need of half of it.
const maxDepth = 32

// checkDER says whether values follow each other without a gap, and within each that holds others the same. Libraries skip what they do
// not expect, and sign and verify what they read.
func checkDER(data []byte, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deep")
	}
	for len(data) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(data, &v)
		if err != nil {
			return errors.New("not in DER")
		}
		if v.IsCompound {
			if err := checkDER(v.Bytes, depth+1); err != nil {
				return err
			}
		}
		data = rest
	}
	return nil
}

func explicit(inner []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}
}

func isExplicit(v asn1.RawValue) bool {
	return v.Class == asn1.ClassContextSpecific && v.Tag == 0 && v.IsCompound
}

// plainAlgorithm has the parameters that its standard wants: NULL with RSA, else none. Sources: RFC 5754, RFC 5758.
func plainAlgorithm(a pkix.AlgorithmIdentifier) pkix.AlgorithmIdentifier {
	out := pkix.AlgorithmIdentifier{Algorithm: a.Algorithm}
	if len(a.Algorithm) == len(oidRSA)+1 && a.Algorithm[:len(oidRSA)].Equal(oidRSA) {
		out.Parameters = asn1.NullRawValue
	}
	return out
}
