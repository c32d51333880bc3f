package storage

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
)

// azureSpec is a container of Azure Blob Storage, or of an emulator.
type azureSpec struct {
	Account    string `json:"account"`
	Container  string `json:"container"`
	AccountKey string `json:"-"`
	Endpoint   string `json:"endpoint,omitzero"` // of the account
	Prefix     string `json:"prefix,omitzero"`
}

var _ spec = (*azureSpec)(nil)

func (r *reading) azure(in configIn) *azureSpec {
	return &azureSpec{
		Account:    r.needed("account", in.Account, accountForm),
		Container:  r.needed("container", in.Container, containerForm),
		AccountKey: r.needed("account_key", in.AccountKey, accountKeyForm),
		Endpoint:   r.given("endpoint", in.Endpoint, endpointForm),
		Prefix:     r.given("prefix", in.Prefix, prefixForm),
	}
}

func (a *azureSpec) secret() *string { return &a.AccountKey }

func (a *azureSpec) where() []string { return within(a.service(), a.Container, a.Prefix) }

func (a *azureSpec) service() string {
	if a.Endpoint != "" {
		return a.Endpoint
	}
	return "https://" + a.Account + ".blob.core.windows.net"
}

// blockSize is how much of a blob is sent at once, and the memory that writing one takes.
const blockSize = 8 << 20

func (a *azureSpec) open() (blobs, error) {
	key, err := container.NewSharedKeyCredential(a.Account, a.AccountKey)
	if err != nil {
		return nil, trouble(refused, err)
	}
	client, transport := client()
	api, err := container.NewClientWithSharedKeyCredential(a.service()+"/"+a.Container, key, &container.ClientOptions{
		ClientOptions: policy.ClientOptions{
			Transport: client, Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: maxPause / 2, MaxRetryDelay: maxPause},
		},
	})
	if err != nil {
		return nil, trouble(unknownReason, err)
	}
	opened, err := azureblob.OpenBucket(context.Background(), api, nil)
	if err != nil {
		return nil, trouble(unknownReason, err)
	}
	if a.Prefix != "" {
		opened = blob.PrefixedBucket(opened, a.Prefix+"/")
	}
	return &bucket{Bucket: opened, explain: explainRemote, idle: transport.CloseIdleConnections, room: newRoom(), options: blob.WriterOptions{
		BufferSize: blockSize, MaxConcurrency: 1, IfNotExist: true,
	}}, nil
}

var _ blobs = (*bucket)(nil)
