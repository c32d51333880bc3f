package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"
)

// serveUpstream is the document service of the benchmark: it answers with as many bytes as ?size says.
func serveUpstream([]string) error {
	l, err := listenUntilInputEnds()
	if err != nil {
		return err
	}
	block := make([]byte, 256<<10)
	mux := http.NewServeMux()
	mux.HandleFunc("/documents", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		size, _ := strconv.ParseInt(r.URL.Query().Get("size"), 10, 64)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		for size > 0 {
			n := min(size, int64(len(block)))
			if _, err := w.Write(block[:n]); err != nil {
				return
			}
			size -= n
		}
	})
	mux.HandleFunc("/documents/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 100 {
			fmt.Fprintf(w, "data: %d\n\n", time.Now().UnixNano())
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	mux.HandleFunc("/documents/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return http.Serve(l, mux)
}

// serveBare is the yardstick: net/http and httputil.ReverseProxy, nothing else.
func serveBare(args []string) error {
	l, err := listenUntilInputEnds()
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}
	target := &url.URL{Scheme: "http", Host: args[0]}
	return http.Serve(l, &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
	})
}
