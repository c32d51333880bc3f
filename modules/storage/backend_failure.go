package storage

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"portico.internal/platform/egress"
)

// What backends fail with, for an admin.
const (
	noBucket      = "Bucket not found"
	noContainer   = "Container not found"
	refused       = "Credentials refused"
	denied        = "Access denied: the credentials do not permit this"
	noSpace       = "No space left"
	wrongRegion   = "The bucket is in another region"
	wrongClock    = "The clocks of the storage and of this machine differ too much"
	busy          = "The storage is busy"
	unreachable   = "The storage cannot be reached"
	tooSlow       = "The storage did not answer in time"
	notAllowed    = "This address may not be called"
	badCertify    = "The certificate of the storage is not trusted"
	noTLS         = "The storage does not speak TLS at this address"
	noPermission  = "The folder cannot be used: permission denied"
	readOnly      = "The folder is on a read-only file system"
	inTheWay      = "Something else is in the way"
	noFolder      = "Folder not found"
	unknownReason = "The storage failed"
	notUnderstood = "The storage does not understand this request"
)

// codes are the error codes of S3 and of Azure that say more than the status.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and
// https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
var codes = map[string]string{
	"NoSuchBucket": noBucket, "InvalidBucketName": noBucket, "AllAccessDisabled": noBucket,
	"ContainerNotFound": noContainer, "ContainerBeingDeleted": noContainer, "ContainerDisabled": noContainer, "InvalidResourceName": noContainer,
	"InvalidAccessKeyId": refused, "SignatureDoesNotMatch": refused, "InvalidToken": refused, "ExpiredToken": refused, "UnrecognizedClientException": refused, "XAdminUserNotFound": refused,
	"AuthenticationFailed": refused, "InvalidAuthenticationInfo": refused, "AccountIsDisabled": refused, "NoAuthenticationInformation": refused,
	"AuthorizationFailure": refused, "AccessDenied": denied, "AuthorizationPermissionMismatch": denied, "InsufficientAccountPermissions": denied,
	"QuotaExceeded": noSpace, "XMinioStorageFull": noSpace, "InsufficientStorage": noSpace, "AccountLimitExceeded": noSpace,
	"PermanentRedirect": wrongRegion, "AuthorizationHeaderMalformed": wrongRegion, "IllegalLocationConstraintException": wrongRegion,
	"RequestTimeTooSkewed": wrongClock,
}

// statuses are what is left to say where the code is unknown, as with HEAD, whose replies have no body.
var statuses = map[int]string{
	http.StatusUnauthorized: refused, http.StatusForbidden: refused, http.StatusInsufficientStorage: noSpace,
	http.StatusMovedPermanently: wrongRegion, http.StatusTemporaryRedirect: wrongRegion,
	http.StatusBadRequest: notUnderstood, http.StatusMethodNotAllowed: notUnderstood, http.StatusRequestedRangeNotSatisfiable: notUnderstood, http.StatusNotImplemented: notUnderstood,
}

// explainRemote is the explain of backends that are called over a network.
func explainRemote(err error) error {
	if status, code := replied(err); status != 0 {
		switch reason := cmp.Or(codes[code], statuses[status]); {
		case reason != "":
			return trouble(reason, err)
		case status == http.StatusNotFound:
			return nil
		default:
			return passingTrouble(busy, err)
		}
	}
	var (
		network   net.Error
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, egress.ErrRefused):
		return trouble(notAllowed, err)
	case errors.As(err, &verify), errors.As(err, &authority):
		return trouble(badCertify, err)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return trouble(noTLS, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return passingTrouble(tooSlow, err)
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return passingTrouble(unreachable, err)
	}
	return nil
}

// replied returns the status and the error code that a service has answered with, 0 where it has not.
func replied(err error) (status int, code string) {
	var (
		azure *azcore.ResponseError
		reply *smithyhttp.ResponseError
		api   smithy.APIError
	)
	if errors.As(err, &azure) {
		return azure.StatusCode, azure.ErrorCode
	}
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	if errors.As(err, &reply) {
		return reply.HTTPStatusCode(), code
	}
	return 0, ""
}
