package keylesstest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	prototrustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
)

func (s *Sigstore) certificateAuthority(ctx context.Context) (*root.FulcioCertificateAuthority, error) {
	text, err := s.get(ctx, s.Certificates+"/api/v2/trustBundle")
	if err != nil {
		return nil, err
	}
	var bundle struct {
		Chains []struct{ Certificates []string }
	}
	if err := json.Unmarshal(text, &bundle); err != nil {
		return nil, err
	}
	if len(bundle.Chains) != 1 {
		return nil, fmt.Errorf("%d chains, want 1", len(bundle.Chains))
	}
	chain, err := certificates([]byte(strings.Join(bundle.Chains[0].Certificates, "\n")))
	if err != nil {
		return nil, err
	}
	last := len(chain) - 1
	return &root.FulcioCertificateAuthority{
		Root: chain[last], Intermediates: chain[:last], ValidityPeriodStart: chain[last].NotBefore, URI: s.Certificates,
	}, nil
}

func (s *Sigstore) timestampAuthority(ctx context.Context) (*root.SigstoreTimestampingAuthority, error) {
	text, err := s.get(ctx, s.Timestamps+"/api/v1/timestamp/certchain")
	if err != nil {
		return nil, err
	}
	chain, err := certificates(text)
	if err != nil {
		return nil, err
	}
	last := len(chain) - 1
	return &root.SigstoreTimestampingAuthority{
		Leaf: chain[0], Intermediates: chain[1:last], Root: chain[last], ValidityPeriodStart: chain[last].NotBefore, URI: s.Timestamps,
	}, nil
}

func certificates(text []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for {
		block, rest := pem.Decode(bytes.TrimSpace(text))
		if block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain, text = append(chain, c), rest
	}
	if len(chain) == 0 {
		return nil, errors.New("no certificates")
	}
	return chain, nil
}

// describe writes the files by which others find and believe this Sigstore.
func (s *Sigstore) describe(authority root.CertificateAuthority, stamps root.TimestampingAuthority) error {
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{authority}, nil, []root.TimestampingAuthority{stamps}, nil)
	if err != nil {
		return err
	}
	any1 := root.ServiceConfiguration{Selector: prototrustroot.ServiceSelector_ANY}
	service := func(address string) []root.Service {
		return []root.Service{{URL: address, MajorAPIVersion: 1, ValidityPeriodStart: time.Unix(0, 0), Operator: "test"}}
	}
	config, err := root.NewSigningConfig(root.SigningConfigMediaType02, service(s.Certificates), service(s.Issuer.URL), nil, any1,
		service(s.Timestamps+"/api/v1/timestamp"), any1)
	if err != nil {
		return err
	}
	s.TrustedRoot, s.SigningConfig = filepath.Join(s.dir, "trusted_root.json"), filepath.Join(s.dir, "signing_config.json")
	return errors.Join(write(s.TrustedRoot, trusted), write(s.SigningConfig, config))
}

func write(file string, v json.Marshaler) error {
	text, err := v.MarshalJSON()
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
