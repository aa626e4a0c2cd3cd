package chaos

import (
	"bytes"
	"io"
	"net/http"
)

// RoundTrip is the way to the forge's API, without a network.
func (p *Process) RoundTrip(req *http.Request) (*http.Response, error) {
	asked, _ := req.Context().Value(threadKey{}).([2]string)
	if err := p.at(asked[0], asked[1], "before an API call"); err != nil {
		return nil, err
	}
	resp, err := answer(p.w.Handler(), req)
	if dead := p.at(asked[0], asked[1], "after an API call"); dead != nil {
		return nil, dead
	}
	return resp, err
}

// answer serves a request of a client in this process.
func answer(h http.Handler, req *http.Request) (resp *http.Response, err error) {
	in := req.Clone(req.Context())
	in.RequestURI, in.RemoteAddr = req.URL.RequestURI(), "127.0.0.1:1"
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	kept := &kept{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			if v != http.ErrAbortHandler { //nolint:errorlint // the very value
				panic(v)
			}
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	h.ServeHTTP(kept, in)
	return &http.Response{
		Status: http.StatusText(kept.code()), StatusCode: kept.code(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: kept.header, Body: io.NopCloser(bytes.NewReader(kept.body.Bytes())), ContentLength: int64(kept.body.Len()), Request: req,
	}, nil
}

// kept is an answer that goes nowhere yet.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }

func (k *kept) code() int {
	if k.status == 0 {
		return http.StatusOK
	}
	return k.status
}
