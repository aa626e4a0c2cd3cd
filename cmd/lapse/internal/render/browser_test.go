package render

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/lapse-access/lapse/checks"
)

var screenshots = flag.String("screenshots", "", "write what the golden comments look like, on a phone and on a desk, into this `folder`")

// asGitHub renders as GitHub does before its filters. GitHub then drops every element and attribute that is not on its list
// (github/markup's sanitisation: no script, style, iframe, form, on…= or javascript:) and makes links of mentions,
// references and commits in what is not code. Nothing is dropped here: what we write must not need it.
var asGitHub = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(html.WithUnsafe()))

const comments = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>comment</title><link rel="icon" href="data:,">
<script>window.ran = 0; window.alert = () => window.ran++</script><style>
body{margin:0;padding:16px;font:14px/1.5 "DejaVu Sans",sans-serif;color:#1f2328;word-wrap:break-word}
h3{font-size:17.5px;line-height:1.25;margin:0 0 16px} p,ul,details,pre{margin:0 0 16px} li>ul,li>p{margin:0} ul{padding-left:2em} li+li{margin-top:.25em}
code{font:85%% "DejaVu Sans Mono",monospace;background:#eff1f3;padding:.2em .4em;border-radius:6px;white-space:break-spaces}
pre{background:#f6f8fa;padding:16px;overflow:auto;border-radius:6px} pre code{background:none;padding:0;white-space:pre} a{color:#0969da} summary{cursor:pointer}
</style><body>%s`

// seenInBrowser is what a page turned into.
type seenInBrowser struct {
	Elements   []string // names with their attributes, each once
	Text       []string // outside of code and of our own links
	Wider      int      // pixels that the page is wider than the window
	Ran        int      // scripts that called alert
	Requests   []string // beside that for the page
	Screenshot []byte   `json:"-"`
}

// look collects all of it within the page.
const look = `(() => {
	const names = new Set(), text = [];
	for (const e of document.body.querySelectorAll('*')) {
		let own = e.localName;
		for (const a of e.attributes) own += ' ' + a.name + '=' + a.value;
		names.add(own);
	}
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) if (!walk.currentNode.parentElement.closest('code,pre,a')) text.push(walk.currentNode.data);
	return {Elements: [...names].sort(), Text: text, Wider: document.documentElement.scrollWidth - window.innerWidth,
		Ran: window.ran, Requests: performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))};
})()`

// browser is one Chromium for all pages of a test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no chromium: sh .ci/needs installs it (Debian package chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(ctx)
	t.Cleanup(leave)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// visit shows markdown in a window of that width.
func visit(t *testing.T, ctx context.Context, markdown string, width int) seenInBrowser {
	t.Helper()
	var body bytes.Buffer
	if err := asGitHub.Convert([]byte(markdown), &body); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, comments, body.String())
	}))
	defer srv.Close()
	tab, leave := chromedp.NewContext(ctx)
	defer leave()
	if err := chromedp.Do(tab, chromedp.EmulateViewport(int64(width), 800), chromedp.Navigate(srv.URL+"/")); err != nil {
		t.Fatal(err)
	}
	seen, err := chromedp.Run(tab, chromedp.Evaluate[seenInBrowser](look))
	if err == nil && *screenshots != "" {
		seen.Screenshot, err = chromedp.Run(tab, chromedp.FullScreenshot(100))
	}
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// ourElements are all that a comment is made of.
var ourElements = map[string]bool{
	"h3": true, "p": true, "strong": true, "ul": true, "li": true, "code": true, "pre": true, "code class=language-text": true,
	"details": true, "summary": true, "a href=" + runURL: true,
}

func inertInBrowser(t *testing.T, seen seenInBrowser) {
	t.Helper()
	if seen.Ran > 0 || len(seen.Requests) > 0 {
		t.Errorf("%d scripts ran, requests for %q", seen.Ran, seen.Requests)
	}
	for _, e := range seen.Elements {
		if !ourElements[e] {
			t.Errorf("element %q is not ours", e)
		}
	}
	for _, s := range seen.Text {
		for _, m := range []mark{good, waiting, bad, warning, give, take} {
			s = strings.ReplaceAll(s, strings.TrimSpace(picture(m)), "")
		}
		if s = strings.ReplaceAll(s, "\n", " "); !ourWords.MatchString(s) || linked.MatchString(s) {
			t.Errorf("text outside of code: %q", s)
		}
	}
	if seen.Wider > 0 {
		t.Errorf("the page is %d pixels wider than the window", seen.Wider)
	}
}

func TestA61CommentsAreInertInABrowser(t *testing.T) {
	ctx := browser(t)
	if seen := visit(t, ctx, "<img src=x onerror=alert(1)>", 390); seen.Ran == 0 || len(seen.Requests) == 0 {
		t.Fatalf("this browser runs no script and loads no picture, so nothing is proven: %+v", seen)
	}
	for name, v := range verdicts() {
		t.Run(name, func(t *testing.T) {
			for place, width := range map[string]int{"phone": 390, "desk": 1012} {
				seen := visit(t, ctx, Comment(v, shown(name)), width)
				inertInBrowser(t, seen)
				keep(t, name+"-"+place+".png", seen.Screenshot)
			}
		})
	}
	all := checks.Verdict{Outcome: checks.OutcomeWaiting}
	for i := range hostile {
		v := hostileVerdict(rotated(i))
		all.Denials, all.Waiting, all.Warnings = append(all.Denials, v.Denials...), append(all.Waiting, v.Waiting...), append(all.Warnings, v.Warnings...)
		all.Needs, all.Ignored, all.Grants = append(all.Needs, v.Needs...), append(all.Ignored, v.Ignored...), append(all.Grants, v.Grants...)
	}
	inertInBrowser(t, visit(t, ctx, Summary(all, shown("hostile")), 390))
}

func keep(t *testing.T, name string, picture []byte) {
	if *screenshots == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name), picture, 0o644); err != nil {
		t.Error(err)
	}
}
