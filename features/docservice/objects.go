package docservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"portico.internal/platform/errs"
	"portico.internal/platform/feature"
)

const (
	objectsPrefix = serviceID + "/documents/"
	objectsAnswer = 10 * time.Second // within which the gateway answers what has no content
	objectsStall  = time.Minute      // for which nothing of a content may move
	objectsRetry  = 5 * time.Second  // after which clients may try again
)

var (
	errNoStorage = errors.New("the gateway's storage does not answer as it should")
	// errNoObject says that there is no such object, and that the gateway is one that would know.
	errNoObject = errors.New("there is no such object")
	// errObjectRefused says that the gateway does not take this content, which another one may be spared.
	errObjectRefused = errors.New("the gateway does not take the content")
	// errObjectDiffers says that the content of an object is not that of its document.
	errObjectDiffers = errors.New("the object has another content than the document")
)

// objectStore is the gateway's object API. The zero objectStore has no gateway.
//
// Its errors are of kind Unavailable and wrap [errNoStorage], whatever is wrong with the storage, but for [errNoObject] and
// what is wrong with one object.
type objectStore struct {
	url, token string
	client     *http.Client
	stall      time.Duration
	chosen     atomic.Pointer[bool]
}

func newObjectStore(at feature.Gateway) *objectStore {
	client := newGatewayClient()
	client.Timeout = 0 // large content takes its time; see stall
	s := &objectStore{token: at.Token, client: client, stall: objectsStall}
	if at.URL != "" {
		s.url = strings.TrimRight(at.URL, "/") + "/internal/storage/objects"
	}
	return s
}

func (s *objectStore) close() { s.client.CloseIdleConnections() }

// isChosen tells whether new content goes to the gateway. The first answer holds as long as this process, so that one that
// comes and goes does not scatter documents. Without an answer it fails.
func (s *objectStore) isChosen(ctx context.Context) (bool, error) {
	if chosen := s.chosen.Load(); chosen != nil {
		return *chosen, nil
	}
	there, err := s.exists(ctx)
	if err != nil {
		return false, err
	}
	s.chosen.CompareAndSwap(nil, &there)
	return *s.chosen.Load(), nil
}

// exists tells whether the gateway has an object API at this moment: with an external storage service it has none.
func (s *objectStore) exists(ctx context.Context) (bool, error) {
	if s.url == "" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, objectsAnswer)
	defer cancel()
	res, err := s.send(ctx, http.MethodGet, s.url+"?limit=1&prefix="+url.QueryEscape(objectsPrefix), nil, nil)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	var page struct {
		Objects *[]json.RawMessage `json:"objects"`
	}
	switch {
	case res.StatusCode == http.StatusNotFound:
		return false, nil
	case res.StatusCode != http.StatusOK:
		return false, unexpected(res)
	case json.NewDecoder(io.LimitReader(res.Body, maxSetting)).Decode(&page) != nil || page.Objects == nil:
		return false, noStorage(errors.New("the gateway's answer cannot be read"))
	}
	return true, nil
}

// put makes content the object of a document. Afterwards it is there, whole, with this size and SHA-256. When put fails
// there may be an object.
func (s *objectStore) put(ctx context.Context, id string, content io.Reader, size int64, sum string) error {
	moving, watch := s.watched(ctx)
	defer watch.stop()
	res, err := s.send(moving, http.MethodPut, s.object(id), &movingReader{content, watch}, func(r *http.Request) {
		r.ContentLength = size
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("X-Content-SHA256", sum)
	})
	if err != nil {
		return err
	}
	res.Body.Close()
	switch {
	case res.StatusCode == http.StatusOK || res.StatusCode == http.StatusCreated:
	case res.StatusCode >= 400 && res.StatusCode < 500 && res.StatusCode != http.StatusUnauthorized &&
		res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusTooManyRequests:
		return noStorage(fmt.Errorf("%w: %s", errObjectRefused, res.Status))
	default:
		return unexpected(res)
	}
	return s.check(ctx, id, size, sum)
}

// check looks whether the object of a document has this size and SHA-256.
func (s *objectStore) check(ctx context.Context, id string, size int64, sum string) error {
	ctx, cancel := context.WithTimeout(ctx, objectsAnswer)
	defer cancel()
	res, err := s.send(ctx, http.MethodHead, s.object(id), nil, nil)
	if err != nil {
		return err
	}
	res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return noStorage(errors.New("the object that has just been stored is not there"))
	case res.StatusCode != http.StatusOK:
		return unexpected(res)
	case res.ContentLength != size || res.Header.Get("X-Content-SHA256") != sum:
		return noStorage(errObjectDiffers)
	}
	return nil
}

// open opens length bytes of the object of a document from offset on, once its SHA-256 is found to be the document's.
func (s *objectStore) open(ctx context.Context, d *document, offset, length int64) (io.ReadCloser, error) {
	moving, watch := s.watched(ctx)
	res, err := s.send(moving, http.MethodGet, s.object(d.ID), nil, func(r *http.Request) {
		if offset > 0 || length < d.Size {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
		}
	})
	if err != nil {
		watch.stop()
		return nil, err
	}
	switch whole := length == d.Size; {
	case res.StatusCode == http.StatusNotFound:
		err = s.missing(ctx)
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusPartialContent:
		err = unexpected(res)
	case res.Header.Get("X-Content-SHA256") != d.SHA256 || res.ContentLength != length || whole != (res.StatusCode == http.StatusOK):
		err = errObjectDiffers
	default:
		return &objectBody{movingReader{res.Body, watch}, res.Body}, nil
	}
	res.Body.Close()
	watch.stop()
	return nil, err
}

// remove removes the object of a document; there need not be one.
func (s *objectStore) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, objectsAnswer)
	defer cancel()
	res, err := s.send(ctx, http.MethodDelete, s.object(id), nil, nil)
	if err != nil {
		return err
	}
	res.Body.Close()
	switch res.StatusCode {
	case http.StatusNoContent:
		return nil
	case http.StatusNotFound:
		if err := s.missing(ctx); !errors.Is(err, errNoObject) {
			return err
		}
		return nil
	}
	return unexpected(res)
}

// missing tells why an object was not found: there is none, or there is no object API any more.
func (s *objectStore) missing(ctx context.Context) error {
	switch there, err := s.exists(ctx); {
	case err != nil:
		return err
	case !there:
		return noStorage(errors.New("the gateway has no object API any more"))
	}
	return errNoObject
}

func (s *objectStore) object(id string) string { return s.url + "/" + objectsPrefix + id }

func (s *objectStore) send(ctx context.Context, method, to string, body io.Reader, prepare func(*http.Request)) (*http.Response, error) {
	if s.url == "" {
		return nil, noStorage(errors.New("no gateway is configured"))
	}
	r, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	if prepare != nil {
		prepare(r)
	}
	res, err := s.client.Do(r)
	if err != nil {
		return nil, noStorage(err)
	}
	return res, nil
}

func noStorage(cause error) error {
	return errs.Wrap(errs.Unavailable, "The storage of documents does not answer; try again later", fmt.Errorf("%w: %w", errNoStorage, cause)).Retry(objectsRetry)
}

func unexpected(res *http.Response) error {
	return noStorage(fmt.Errorf("the gateway answers %s", res.Status))
}
