package githubtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"
)

// StartTLS listens on one more free port of 127.0.0.1, over TLS, until Close, and answers where, such as
// "https://localhost:port", and the certificate of its own authority, in PEM. It is reached as GitHub Enterprise Server is:
// clients that speak nothing but TLS, as gh does, find the API at /api/v3 and /api/graphql.
func (s *Server) StartTLS() (url string, authority []byte, err error) {
	certificate, authority, err := localhostCertificate()
	if err != nil {
		return "", nil, fmt.Errorf("githubtest: make a certificate: %w", err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return "", nil, fmt.Errorf("githubtest: listen: %w", err)
	}
	s.serveOn(l)
	_, port, err := net.SplitHostPort(l.Addr().String())
	return "https://localhost:" + port, authority, err
}

// door is one listener, and done once nothing is served there.
type door struct {
	http *http.Server
	done chan struct{}
}

func (s *Server) serveOn(l net.Listener) {
	d := door{&http.Server{Handler: s.Handler(), ReadHeaderTimeout: 30 * time.Second}, make(chan struct{})}
	s.mu.Lock()
	s.doors = append(s.doors, d)
	s.mu.Unlock()
	go func() {
		defer close(d.done)
		_ = d.http.Serve(l) // always ErrServerClosed after Close; a broken listener shows in every client
	}()
}

// localhostCertificate is valid for a day, by the clock of the machine: clients look at no other.
func localhostCertificate() (tls.Certificate, []byte, error) {
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "githubtest"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	caKey, errCA := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, errKey := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(errCA, errKey); err != nil {
		return tls.Certificate{}, nil, err
	}
	caDER, errCA := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	der, errKey := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err := errors.Join(errCA, errKey); err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), nil
}
