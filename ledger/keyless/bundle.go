// Package keyless signs receipts without a key to keep, and verifies them. A run makes a key that lives as long as it does; a
// certificate authority (Fulcio) certifies, on the word of the workflow's token, whose it is; a timestamp authority says when a signature
// was there, for the certificate is good for minutes alone. What is stored is a Sigstore bundle, version 0.3:
//
//	verificationMaterial.certificate                 the run's certificate
//	verificationMaterial.timestampVerificationData   one RFC 3161 timestamp over the signature; on the last receipt of an append alone
//	dsseEnvelope                                     the payload and its signature
//
// A transparency log is not asked: the ledger itself is one, which its readers hold, and proof of time comes from the timestamp.
package keyless

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore-go/pkg/bundle"
)

// mediaType is that of the one form that is written and read.
// Source: https://docs.sigstore.dev/about/bundle/
const mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// stored is a bundle as it is stored. Another form has another media type.
type stored struct {
	MediaType string   `json:"mediaType"`
	Material  material `json:"verificationMaterial"`
	Envelope  envelope `json:"dsseEnvelope"`
}

type material struct {
	Certificate raw         `json:"certificate"`
	Timestamps  *timestamps `json:"timestampVerificationData,omitempty"`
}

type raw struct {
	Bytes []byte `json:"rawBytes"`
}

type timestamps struct {
	Signed []timestamp `json:"rfc3161Timestamps"`
}

type timestamp struct {
	Bytes []byte `json:"signedTimestamp"`
}

type envelope struct {
	Payload     []byte      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	Sig []byte `json:"sig"`
}

// encode is the one stored form of a bundle.
func (s stored) encode() ([]byte, error) {
	data, err := json.Marshal(s)
	return append(data, '\n'), err
}

// decode reads a bundle in the form that encode writes, and nothing else. What is not signed in it has one form, too, so that no byte
// of it can be another.
func decode(data []byte, payloadType string) (stored, error) {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return stored{}, fmt.Errorf("bundle: %w", err)
	}
	if again, err := s.encode(); err != nil || !bytes.Equal(again, data) {
		return stored{}, errors.New("bundle: not in the form in which Lapse writes it")
	}
	switch {
	case s.MediaType != mediaType:
		return stored{}, fmt.Errorf("bundle: media type %.100q, want %q", s.MediaType, mediaType)
	case s.Envelope.PayloadType != payloadType:
		return stored{}, fmt.Errorf("bundle: payload type %.100q, want %q", s.Envelope.PayloadType, payloadType)
	case len(s.Envelope.Signatures) != 1:
		return stored{}, fmt.Errorf("bundle: %d signatures, want 1", len(s.Envelope.Signatures))
	case s.Material.Timestamps != nil && len(s.Material.Timestamps.Signed) != 1:
		return stored{}, fmt.Errorf("bundle: %d timestamps, want 1", len(s.Material.Timestamps.Signed))
	}
	if s.Material.Timestamps != nil {
		if err := checkToken(s.Material.Timestamps.Signed[0].Bytes); err != nil {
			return stored{}, fmt.Errorf("bundle: timestamp: %w", err)
		}
	}
	return s, nil
}

// bundle is what the library verifies.
func (s stored) bundle() (*bundle.Bundle, error) {
	m := &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_Certificate{
		Certificate: &protocommon.X509Certificate{RawBytes: s.Material.Certificate.Bytes},
	}}
	if s.Material.Timestamps != nil {
		m.TimestampVerificationData = &protobundle.TimestampVerificationData{
			Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: s.Material.Timestamps.Signed[0].Bytes}},
		}
	}
	return bundle.NewBundle(&protobundle.Bundle{
		MediaType: s.MediaType, VerificationMaterial: m,
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			Payload: s.Envelope.Payload, PayloadType: s.Envelope.PayloadType,
			Signatures: []*protodsse.Signature{{Sig: s.Envelope.Signatures[0].Sig}},
		}},
	})
}

// fromBundle is the stored form of what the library made.
func fromBundle(b *protobundle.Bundle) stored {
	e := b.GetDsseEnvelope()
	s := stored{
		MediaType: mediaType,
		Material:  material{Certificate: raw{b.GetVerificationMaterial().GetCertificate().GetRawBytes()}},
		Envelope:  envelope{Payload: e.GetPayload(), PayloadType: e.GetPayloadType()},
	}
	for _, sig := range e.GetSignatures() {
		s.Envelope.Signatures = append(s.Envelope.Signatures, signature{sig.GetSig()})
	}
	for _, t := range b.GetVerificationMaterial().GetTimestampVerificationData().GetRfc3161Timestamps() {
		if s.Material.Timestamps == nil {
			s.Material.Timestamps = &timestamps{}
		}
		s.Material.Timestamps.Signed = append(s.Material.Timestamps.Signed, timestamp{t.GetSignedTimestamp()})
	}
	return s
}

// parseCertificate reads a certificate for a key of the kind that runs make, which signs commits, too.
func parseCertificate(der []byte) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("certificate: its key is not ECDSA on P-256")
	}
	return cert, nil
}
