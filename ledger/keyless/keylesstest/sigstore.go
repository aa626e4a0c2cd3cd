// Package keylesstest runs a Sigstore for tests, on loopback: the real certificate authority (Fulcio) with a root that it makes in
// memory, the real timestamp authority, and an issuer of workflows' tokens in place of GitHub's, which Fulcio asks for its keys as it asks
// GitHub. Each has ports of its own, and is ended by its own process id.
package keylesstest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The programs, by the names that make needs gives them.
const (
	fulcio     = "fulcio-v1.8.8"
	timestamps = "timestamps-v2.1.3"
)

// Sigstore is one that runs.
type Sigstore struct {
	Issuer        *Issuer
	Certificates  string // address of the certificate authority
	Timestamps    string // address of the timestamp authority
	TrustedRoot   string // file
	SigningConfig string // file

	dir       string
	processes []*os.Process
	logs      []*os.File
}

// Start runs the programs in the folder tools, with their files in dir.
func Start(ctx context.Context, tools, dir string) (*Sigstore, error) {
	s := &Sigstore{dir: dir, Issuer: newIssuer()}
	err := s.start(ctx, tools)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("start a sigstore: %w", err)
	}
	return s, nil
}

func (s *Sigstore) start(ctx context.Context, tools string) error {
	for _, program := range []string{fulcio, timestamps} {
		if _, err := os.Stat(filepath.Join(tools, program)); err != nil {
			return fmt.Errorf("%w: run make needs, which builds it", err)
		}
	}
	if err := s.startTimestamps(filepath.Join(tools, timestamps)); err != nil {
		return err
	}
	if err := s.startCertificates(ctx, filepath.Join(tools, fulcio)); err != nil {
		return err
	}
	authority, err := s.certificateAuthority(ctx)
	if err != nil {
		return err
	}
	stamps, err := s.timestampAuthority(ctx)
	if err != nil {
		return err
	}
	return s.describe(authority, stamps)
}

// Close ends it.
func (s *Sigstore) Close() {
	for _, p := range s.processes {
		_ = p.Kill()
		_, _ = p.Wait()
	}
	for _, l := range s.logs {
		_ = l.Close()
	}
	s.Issuer.server.Close()
}

// Stop ends the timestamp authority or the certificate authority alone, by the address that it has.
func (s *Sigstore) Stop(address string) {
	at := 0 // the timestamp authority was started first
	if address == s.Certificates {
		at = 1
	}
	_ = s.processes[at].Kill()
	_, _ = s.processes[at].Wait()
	s.processes = append(s.processes[:at:at], s.processes[at+1:]...)
}

// Environment is what the runner of a job with the permission id-token: write gives it, and where the Sigstore is.
func (s *Sigstore) Environment(w Workflow) map[string]string {
	return map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL": s.Issuer.requestURL(w), "ACTIONS_ID_TOKEN_REQUEST_TOKEN": runnerToken,
		"LAPSE_TRUSTED_ROOT": s.TrustedRoot, "LAPSE_SIGNING_CONFIG": s.SigningConfig,
	}
}

func (s *Sigstore) run(cmd *exec.Cmd, name string) error {
	log, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		return err
	}
	s.logs = append(s.logs, log)
	cmd.Stderr, cmd.Dir = log, s.dir
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	return nil
}

func (s *Sigstore) startTimestamps(program string) error {
	cmd := exec.Command(program)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.run(cmd, "timestamps"); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.processes = append(s.processes, cmd.Process)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the timestamp authority says no address: %w", err)
	}
	s.Timestamps = strings.TrimSpace(address)
	return nil
}

// startCertificates starts Fulcio, which wants its ports named; somebody else may take one first.
func (s *Sigstore) startCertificates(ctx context.Context, program string) error {
	config := filepath.Join(s.dir, "fulcio.json")
	text, err := json.Marshal(s.Issuer.config())
	if err != nil {
		return err
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return err
	}
	var last error
	for range 3 {
		if last = s.tryCertificates(ctx, program, config); last == nil {
			return nil
		}
	}
	return last
}

func (s *Sigstore) tryCertificates(ctx context.Context, program, config string) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "serve", "--ca", "ephemeralca", "--config-path", config, "--ct-log-url", "",
		"--host", "127.0.0.1", "--port", ports[0], "--grpc-host", "127.0.0.1", "--grpc-port", ports[1], "--metrics-port", "0",
		"--legacy-unix-domain-socket", filepath.Join(s.dir, "f"+ports[0]))
	if err := s.run(cmd, "fulcio"); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.Certificates = "http://127.0.0.1:" + ports[0]
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	wait := time.NewTicker(20 * time.Millisecond)
	defer wait.Stop()
	for {
		if _, err := s.get(ctx, s.Certificates+"/api/v2/trustBundle"); err == nil {
			s.processes = append(s.processes, cmd.Process)
			return nil
		}
		select {
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			return ctx.Err()
		case err := <-ended:
			return fmt.Errorf("the certificate authority ended, see fulcio.log: %v", err)
		case <-wait.C:
		}
	}
}

func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}

func (s *Sigstore) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 1<<20))
}
