package storage

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// s3Spec is a bucket of Amazon S3, or of a service that speaks its protocol.
type s3Spec struct {
	Bucket          string `json:"bucket"`
	Region          string `json:"region"`
	Endpoint        string `json:"endpoint,omitzero"`
	Prefix          string `json:"prefix,omitzero"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"-"`
	ForcePathStyle  bool   `json:"force_path_style"`
}

var _ spec = (*s3Spec)(nil)

func (r *reading) s3(in configIn) *s3Spec {
	s := &s3Spec{
		Bucket:          r.needed("bucket", in.Bucket, bucketForm),
		Region:          r.needed("region", in.Region, regionForm),
		Endpoint:        r.given("endpoint", in.Endpoint, endpointForm),
		Prefix:          r.given("prefix", in.Prefix, prefixForm),
		AccessKeyID:     r.needed("access_key_id", in.AccessKeyID, keyIDForm),
		SecretAccessKey: r.needed("secret_access_key", in.SecretAccessKey, secretForm),
	}
	s.ForcePathStyle = s.Endpoint != ""
	if in.ForcePathStyle.Set && !in.ForcePathStyle.Null {
		s.ForcePathStyle = in.ForcePathStyle.Value
	}
	return s
}

func (s *s3Spec) secret() *string { return &s.SecretAccessKey }

func (s *s3Spec) where() []string { return within(s.Endpoint, s.Bucket, s.Prefix) }

// within are the words that lead to a folder in a bucket or container.
func within(service, container, prefix string) []string {
	words := []string{service, container}
	if prefix != "" {
		words = append(words, strings.Split(prefix, "/")...)
	}
	return words
}

func (s *s3Spec) open() (blobs, error) {
	client, transport := client()
	o := s3.Options{
		Region:       s.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey, ""), // and none of the environment's
		HTTPClient:   client,
		UsePathStyle: s.ForcePathStyle,
		Retryer:      retrying,
		// Services other than Amazon's do not know the newer checksums.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if s.Endpoint != "" {
		o.BaseEndpoint = &s.Endpoint
	}
	api := s3.New(o)
	opened, err := s3blob.OpenBucket(context.Background(), api, s.Bucket, &s3blob.Options{RequestChecksumCalculation: o.RequestChecksumCalculation})
	if err != nil {
		return nil, trouble(unknownReason, err)
	}
	prefix := ""
	if s.Prefix != "" {
		prefix = s.Prefix + "/"
		opened = blob.PrefixedBucket(opened, prefix)
	}
	return &s3Bucket{
		bucket: bucket{Bucket: opened, explain: explainRemote, idle: transport.CloseIdleConnections, room: newRoom()},
		api:    api, name: &s.Bucket, prefix: prefix,
	}, nil
}

// maxPause keeps a backend from going on trying for longer than somebody wants to wait who asks how it is. Those who have
// more time try again themselves.
const maxPause = 500 * time.Millisecond

var retrying = retry.NewStandard(func(o *retry.StandardOptions) {
	o.MaxBackoff = maxPause
	o.RateLimiter = ratelimit.None // it would hide, after many failures, what they were
})
