package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// fromCache marks, towards the code above the transport, an answer that GitHub confirmed and did not send.
const fromCache = "X-From-Cache"

// maxKept is how many answers the memory cache holds.
const maxKept = 2048

// Cache keeps answers between requests. It is only ever asked for what GitHub confirms by ETag, and what it returns is
// authenticated, so that losing entries, or serving old or foreign ones, costs quota and no more.
type Cache interface {
	Get(key string) ([]byte, bool)
	Put(key string, data []byte)
}

// entry is an answer with an ETag, in its stored form: a MAC of 32 bytes, then this as JSON. What cannot be read is not
// there, so the form may change freely.
type entry struct {
	URL    string
	Accept string
	ETag   string
	Type   string
	Link   string
	At     time.Time // by our clock, when GitHub gave or confirmed it
	Body   []byte
}

// cacheName hides the URL and differs between identities, which may see different answers.
func (t *transport) cacheName(req *http.Request) string {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte("name\x00" + req.Header.Get("Accept") + "\x00" + req.URL.String()))
	return hex.EncodeToString(mac.Sum(nil))
}

func (t *transport) seal(data []byte) []byte {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte("entry\x00"))
	mac.Write(data)
	return mac.Sum(nil)
}

// recall finds the answer to this very request, if this very identity kept it.
func (t *transport) recall(req *http.Request, meant *call) *entry {
	if req.Method != http.MethodGet || meant.app {
		return nil
	}
	data, ok := t.cache.Get(t.cacheName(req))
	if !ok || len(data) < sha256.Size {
		return nil
	}
	seal, data := data[:sha256.Size], data[sha256.Size:]
	if !hmac.Equal(seal, t.seal(data)) {
		return nil
	}
	var e entry
	if json.Unmarshal(data, &e) != nil || e.URL != req.URL.String() || e.Accept != req.Header.Get("Accept") || e.ETag == "" {
		return nil
	}
	return &e
}

func (t *transport) keep(req *http.Request, meant *call, a *answer) {
	etag := a.Header.Get("ETag")
	if etag == "" || meant.app {
		return
	}
	data, err := json.Marshal(entry{
		URL: req.URL.String(), Accept: req.Header.Get("Accept"), ETag: etag,
		Type: a.Header.Get("Content-Type"), Link: a.Header.Get("Link"), At: t.now().UTC(), Body: a.body,
	})
	if err == nil {
		t.cache.Put(t.cacheName(req), append(t.seal(data), data...))
	}
}

// believed is an answer that need not be asked for again yet; nil if there is none.
func (t *transport) believed(req *http.Request, meant *call) *http.Response {
	if meant.believe <= 0 {
		return nil
	}
	e := t.recall(req, meant)
	if e == nil {
		return nil
	}
	if age := t.now().Sub(e.At); age < 0 || age >= meant.believe {
		return nil
	}
	a := &answer{Response: &http.Response{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}}
	a.serve(e)
	t.log.Debug("github: not asked again", "path", req.URL.EscapedPath(), "answered", e.At.Format(time.RFC3339))
	return a.response(req)
}

// serve turns "not modified" into the answer that was kept. A Link that came along is newer than the kept one.
func (a *answer) serve(e *entry) {
	r := *a.Response
	r.StatusCode, r.Status = http.StatusOK, "200 OK"
	r.Header = a.Header.Clone()
	r.Header.Set("Content-Type", e.Type)
	if e.Link != "" && r.Header.Get("Link") == "" {
		r.Header.Set("Link", e.Link)
	}
	a.Response, a.body, a.cached = &r, e.Body, true
}

// MemoryCache keeps answers for as long as the program runs.
func MemoryCache() Cache { return &memory{kept: map[string][]byte{}} }

type memory struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (m *memory) Get(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.kept[key]
	return data, ok
}

func (m *memory) Put(key string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.kept[key]; !there && len(m.kept) >= maxKept {
		for other := range m.kept { // any will do: a lost entry costs one request
			delete(m.kept, other)
			break
		}
	}
	m.kept[key] = data
}

// DirCache keeps answers as files in a directory, for the next run. Answers may hold what is private to the organization, so
// files and directory are readable by the owner alone. It never fails: what cannot be kept is asked for again.
func DirCache(dir string) Cache { return directory(dir) }

type directory string

func (d directory) Get(key string) ([]byte, bool) {
	name := filepath.Join(string(d), key)
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 2*maxBody {
		return nil, false
	}
	data, err := os.ReadFile(name)
	return data, err == nil
}

func (d directory) Put(key string, data []byte) {
	if os.MkdirAll(string(d), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(string(d), "new-*") // made with mode 0600
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if closed := f.Close(); err != nil || closed != nil || os.Rename(f.Name(), filepath.Join(string(d), key)) != nil {
		os.Remove(f.Name())
	}
}
