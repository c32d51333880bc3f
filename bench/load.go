package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// load says what one load process does.
type load struct {
	URL, Token  string
	Requests    int
	Concurrency int
	Every       time.Duration // a pause between the starts of requests; 0: as fast as the replies come
	Upload      int64         // bytes of a body
	Login       string        // an e-mail: the requests are logins with a wrong password
	Want        int           // the status
}

// outcome is what it saw.
type outcome struct {
	Seconds       float64
	Median, P99   time.Duration
	Failed, Bytes int64
	Failure       string // one of them
}

func (b *bench) load(l load) (outcome, error) {
	o, err := b.try(l)
	if err == nil && o.Failed > 0 {
		err = fmt.Errorf("%d of %d requests to %s failed: %s", o.Failed, l.Requests, l.URL, o.Failure)
	}
	return o, err
}

// try runs a load of which some may fail.
func (b *bench) try(l load) (outcome, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return outcome{}, err
	}
	return call[outcome](b, "load", string(text))
}

func generateLoad(args []string) error {
	var l load
	if err := json.Unmarshal([]byte(args[0]), &l); err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: l.Concurrency, DisableCompression: true, WriteBufferSize: 64 << 10}
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	var started, failed, bytes atomic.Int64
	var failure atomic.Value
	took := make([]time.Duration, l.Requests)
	begin := time.Now()
	var wg sync.WaitGroup
	for range l.Concurrency {
		wg.Go(func() {
			buffer := make([]byte, 64<<10)
			for i := started.Add(1) - 1; i < int64(l.Requests); i = started.Add(1) - 1 {
				time.Sleep(time.Until(begin.Add(time.Duration(i) * l.Every)))
				start := time.Now()
				n, err := l.once(client, buffer)
				took[i] = time.Since(start)
				bytes.Add(n)
				if err != nil {
					failed.Add(1)
					failure.Store(err.Error())
				}
			}
		})
	}
	wg.Wait()
	seconds := time.Since(begin).Seconds()
	slices.Sort(took)
	text, _ := failure.Load().(string)
	return json.NewEncoder(os.Stdout).Encode(outcome{
		Seconds: seconds, Median: took[len(took)/2], P99: took[len(took)*99/100],
		Failed: failed.Load(), Bytes: bytes.Load(), Failure: text,
	})
}

func (l load) once(client *http.Client, buffer []byte) (int64, error) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	switch {
	case l.Login != "":
		method, body = http.MethodPost, strings.NewReader(url.Values{"username": {l.Login}, "password": {"Wrong-Horse-42!"}}.Encode())
	case l.Upload > 0:
		method, body = http.MethodPost, io.LimitReader(endless{}, l.Upload)
	}
	req, err := http.NewRequest(method, l.URL, body)
	if err != nil {
		return 0, err
	}
	if l.Upload > 0 {
		req.ContentLength = l.Upload
	}
	if l.Login != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Authorization", "Bearer "+l.Token)
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, buffer)
	if err == nil && res.StatusCode != l.Want {
		err = fmt.Errorf("status %d", res.StatusCode)
	}
	return n, err
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// watchEvents prints the longest time that an event was under way, in nanoseconds.
func watchEvents(args []string) error {
	req, err := http.NewRequest(http.MethodGet, args[0], nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+args[1])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var worst int64
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			sent, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return err
			}
			worst = max(worst, time.Now().UnixNano()-sent)
		}
	}
	fmt.Println(worst)
	return lines.Err()
}

// hashAlone prints how many password hashes a second all cores make when they do nothing else.
func hashAlone(args []string) error {
	flags := flag.NewFlagSet("hash", flag.ContinueOnError)
	count := flags.Int("n", 10, "hashes")
	cost := flags.Int("cost", 13, "of bcrypt")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(*count))
	begin := time.Now()
	for range runtime.NumCPU() {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				_, _ = bcrypt.GenerateFromPassword([]byte("Wrong-Horse-42!"), *cost)
			}
		})
	}
	wg.Wait()
	fmt.Println(float64(*count) / time.Since(begin).Seconds())
	return nil
}
