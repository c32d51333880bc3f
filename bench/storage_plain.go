package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/s3blob"
	"golang.org/x/sync/errgroup"
)

// place is where files lie.
type place struct {
	Kind             string // local, s3
	Root             string // local
	Endpoint, Prefix string // s3
}

// config is the place as the gateway is told of it.
func (p place) config() map[string]any {
	if p.Kind == "local" {
		return map[string]any{"root": p.Root}
	}
	return map[string]any{
		"bucket": bucketName, "region": region, "endpoint": p.Endpoint, "prefix": p.Prefix,
		"access_key_id": accessKey, "secret_access_key": secretKey,
	}
}

// open opens the place with the library that the gateway uses, as it comes.
func (p place) open(ctx context.Context) (*blob.Bucket, error) {
	if p.Kind == "local" {
		return fileblob.OpenBucket(p.Root, &fileblob.Options{CreateDir: true, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	}
	client := s3.New(s3.Options{
		Region: region, BaseEndpoint: &p.Endpoint, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	b, err := s3blob.OpenBucket(ctx, client, bucketName, &s3blob.Options{RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired})
	if err != nil {
		return nil, err
	}
	return blob.PrefixedBucket(b, p.Prefix+"/"), nil
}

// plainCopy copies all files in a process of its own, returns how long that took, and removes the copies. With synced
// each file and its folder are on the disk before the next one is begun.
func (b *bench) plainCopy(from, to place, server *s3Server, synced bool) (time.Duration, error) {
	defer func() {
		_ = os.RemoveAll(cmp.Or(to.Root, filepath.Join(server.dir, bucketName, to.Prefix)))
	}()
	text, err := json.Marshal([]place{from, to})
	if err != nil {
		return 0, err
	}
	cmd, err := self("copy", string(text), fmt.Sprint(synced))
	if err != nil {
		return 0, err
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(b.ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return 0, err
	}
	var took time.Duration
	return took, json.Unmarshal(out.Bytes(), &took)
}

func copyPlainly(args []string) error {
	ctx := context.Background()
	var ends [2]place
	if err := json.Unmarshal([]byte(args[0]), &ends); err != nil {
		return err
	}
	synced := args[1] == "true"
	from, err := ends[0].open(ctx)
	if err != nil {
		return err
	}
	to, err := ends[1].open(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copiers)
	all := from.List(nil)
	for ctx.Err() == nil {
		o, err := all.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		if strings.HasPrefix(o.Key, "~") {
			continue
		}
		group.Go(func() error {
			if err := copyOne(ctx, from, to, o.Key); err != nil || !synced {
				return err
			}
			return syncFile(filepath.Join(ends[1].Root, o.Key))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(time.Since(begin))
}

func copyOne(ctx context.Context, from, to *blob.Bucket, key string) error {
	r, err := from.NewReader(ctx, key, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	return to.Upload(ctx, key, r, &blob.WriterOptions{ContentType: "application/octet-stream"})
}

func syncFile(path string) error {
	for _, p := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
