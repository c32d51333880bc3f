package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// settings measures how long a limit that is changed on one gateway takes to hold on another one on the same database.
func (b *bench) settings(first *gateway, databaseURL, upstream string) error {
	if first == nil {
		return nil
	}
	second, err := b.gateway("second", databaseURL, upstream)
	if err != nil {
		return err
	}
	admin, err := first.tokenOf("admin@example.com")
	if err != nil {
		return err
	}
	upload := make([]byte, 2<<20)
	var waits []time.Duration
	for range 10 * b.rounds {
		for _, change := range []struct{ mb, status int }{{1, http.StatusRequestEntityTooLarge}, {20, http.StatusOK}} {
			body := fmt.Sprintf(`{"max_pdf_mb":%d}`, change.mb)
			status, err := b.ask(http.MethodPatch, first.url+"/api/settings/documents/limits", admin, strings.NewReader(body))
			if err != nil || status != http.StatusOK {
				return fmt.Errorf("changing the limit: %d %w", status, err)
			}
			for changed := time.Now(); ; {
				asked := time.Since(changed)
				status, err := b.ask(http.MethodPost, second.url+"/api/documents", second.token, bytes.NewReader(upload))
				if err != nil {
					return err
				}
				if status == change.status {
					waits = append(waits, asked)
					break
				}
			}
		}
	}
	slices.Sort(waits)
	fmt.Printf("\nA limit changed on one gateway holds for an upload sent to another (PostgreSQL, %d changes):\n"+
		"  median %.1f ms, slowest %.1f ms after the reply to the change\n",
		len(waits), float64(waits[len(waits)/2].Microseconds())/1000, float64(waits[len(waits)-1].Microseconds())/1000)
	return nil
}

func (b *bench) ask(method, url, token string, body io.Reader) (int, error) {
	req, err := http.NewRequestWithContext(b.ctx, method, url, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}
