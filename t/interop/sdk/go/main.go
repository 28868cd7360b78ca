// The AWS SDK for Go as a client of the gateway; prints one line of JSON per
// case.  The environment and the cases are those of Judge.pm.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssmguiconnect"
	gui "github.com/aws/aws-sdk-go-v2/service/ssmguiconnect/types"
	"github.com/aws/aws-sdk-go-v2/service/workspaces"
	desks "github.com/aws/aws-sdk-go-v2/service/workspaces/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

type details map[string]string

// what one call gives: members of its answer, and what the SDK tells of it
type result func() (details, middleware.Metadata, error)

// the calls of a service, by a client that was made from a configuration
type service struct {
	name                        string
	call, read, denied, invalid func(aws.Config) result
}

// counter passes requests on and counts them.
type counter struct{ sent int }

func (c *counter) Do(request *http.Request) (*http.Response, error) {
	c.sent++
	return http.DefaultClient.Do(request)
}

var (
	ctx     = context.Background()
	user    = os.Getenv("SDK_USER")
	key     = os.Getenv("SDK_KEY")
	secret  = os.Getenv("SDK_SECRET")
	network = &counter{}
)

func config(gateway, id, secret string) aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(os.Getenv("SDK_" + gateway)),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient:   network,
	}
}

func usual(gateway string) aws.Config { return config(gateway, key, secret) }

func once(config aws.Config) aws.Config {
	config.RetryMaxAttempts = 1
	return config
}

func services() []service {
	return []service{workspacesService(), guiconnectService()}
}

func workspacesService() service {
	describe := func(ids ...string) func(aws.Config) result {
		return func(c aws.Config) result {
			client := workspaces.NewFromConfig(c)

			return func() (details, middleware.Metadata, error) {
				out, err := client.DescribeWorkspaces(ctx,
					&workspaces.DescribeWorkspacesInput{WorkspaceIds: ids})
				if err != nil {
					return nil, middleware.Metadata{}, err
				}

				if len(ids) == 0 {
					return nil, out.ResultMetadata, nil
				}

				if len(out.Workspaces) != 1 {
					return nil, out.ResultMetadata, errors.New("not one desk")
				}

				desk := out.Workspaces[0]

				return details{
					"WorkspaceId": aws.ToString(desk.WorkspaceId),
					"DirectoryId": aws.ToString(desk.DirectoryId),
					"UserName":    aws.ToString(desk.UserName),
					"BundleId":    aws.ToString(desk.BundleId),
					"State":       string(desk.State),
				}, out.ResultMetadata, nil
			}
		}
	}

	call := func(c aws.Config) result {
		return func() (details, middleware.Metadata, error) {
			made, err := workspaces.NewFromConfig(c).CreateWorkspaces(ctx,
				&workspaces.CreateWorkspacesInput{
					Workspaces: []desks.WorkspaceRequest{{
						DirectoryId: aws.String("d-90670ca123"),
						UserName:    aws.String(user),
						BundleId:    aws.String("wsb-bh8rsxt14"),
					}}})
			if err != nil {
				return nil, middleware.Metadata{}, err
			}

			return describe(aws.ToString(
				made.PendingRequests[0].WorkspaceId))(c)()
		}
	}

	denied := func(c aws.Config) result {
		return func() (details, middleware.Metadata, error) {
			_, err := workspaces.NewFromConfig(c).RebuildWorkspaces(ctx,
				&workspaces.RebuildWorkspacesInput{
					RebuildWorkspaceRequests: []desks.RebuildRequest{{
						WorkspaceId: aws.String("ws-0123456789")}}})

			return nil, middleware.Metadata{}, err
		}
	}

	return service{"workspaces", call, describe(), denied,
		describe("not an id")}
}

func guiconnectService() service {
	update := func(bucket, owner string) func(aws.Config) result {
		return func(c aws.Config) result {
			return func() (details, middleware.Metadata, error) {
				out, err := ssmguiconnect.NewFromConfig(c).
					UpdateConnectionRecordingPreferences(ctx,
						preferences(bucket, owner))
				if err != nil {
					return nil, middleware.Metadata{}, err
				}

				return nil, out.ResultMetadata, nil
			}
		}
	}

	read := func(c aws.Config) result {
		client := ssmguiconnect.NewFromConfig(c)

		return func() (details, middleware.Metadata, error) {
			out, err := client.GetConnectionRecordingPreferences(ctx,
				&ssmguiconnect.GetConnectionRecordingPreferencesInput{})
			if err != nil {
				return nil, middleware.Metadata{}, err
			}

			kept := out.ConnectionRecordingPreferences
			bucket := kept.RecordingDestinations.S3Buckets[0]

			return details{
				"KMSKeyArn":   aws.ToString(kept.KMSKeyArn),
				"BucketName":  aws.ToString(bucket.BucketName),
				"BucketOwner": aws.ToString(bucket.BucketOwner),
			}, out.ResultMetadata, nil
		}
	}

	call := func(c aws.Config) result {
		return func() (details, middleware.Metadata, error) {
			_, meta, err := update("recordings-"+user, "111122223333")(c)()
			if err != nil {
				return nil, meta, err
			}

			return read(c)()
		}
	}

	denied := func(c aws.Config) result {
		return func() (details, middleware.Metadata, error) {
			_, err := ssmguiconnect.NewFromConfig(c).
				DeleteConnectionRecordingPreferences(ctx,
					&ssmguiconnect.DeleteConnectionRecordingPreferencesInput{})

			return nil, middleware.Metadata{}, err
		}
	}

	return service{"ssm-guiconnect", call,
		update("recordings-"+user, "111122223333"), denied,
		update("recordings", "nobody")}
}

func preferences(bucket, owner string,
) *ssmguiconnect.UpdateConnectionRecordingPreferencesInput {
	return &ssmguiconnect.UpdateConnectionRecordingPreferencesInput{
		ConnectionRecordingPreferences: &gui.ConnectionRecordingPreferences{
			KMSKeyArn: aws.String(
				"arn:aws:kms:us-east-1:111122223333:key/" + user),
			RecordingDestinations: &gui.RecordingDestinations{
				S3Buckets: []gui.S3Bucket{{
					BucketName:  aws.String(bucket),
					BucketOwner: aws.String(owner),
				}}}}}
}

// run prints how one call ended and returns how often it was sent.
func run(service, name string, call result) int {
	line := map[string]any{"service": service, "case": name}
	network.sent = 0

	answer, meta, err := call()

	var api smithy.APIError
	var response *awshttp.ResponseError

	switch {
	case err == nil:
		if answer == nil {
			answer = details{}
		}

		line["answer"] = answer
		line["requestId"], _ = awsmiddleware.GetRequestIDMetadata(meta)

	case errors.As(err, &api) && errors.As(err, &response):
		class := fmt.Sprintf("%T", api)

		line["error"] = map[string]any{
			"class":   class[strings.LastIndex(class, ".")+1:],
			"code":    api.ErrorCode(),
			"message": api.ErrorMessage(),
			"status":  response.HTTPStatusCode(),
		}
		line["requestId"] = response.ServiceRequestID()

	default:
		line["fault"] = err.Error()
	}

	line["attempts"] = network.sent

	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}

	fmt.Println(string(text))

	return network.sent
}

func all(s service) {
	run(s.name, "call", s.call(usual("NOW")))
	run(s.name, "unknown-key",
		s.read(config("NOW", "AKIAUNKNOWNUNKNOWN77", secret)))
	run(s.name, "bad-signature",
		s.read(once(config("NOW", key, "not the secret of that key"))))
	run(s.name, "denied", s.denied(usual("NOW")))
	run(s.name, "validation", s.invalid(usual("NOW")))
	run(s.name, "unknown-operation", s.read(usual("NARROW")))

	closed := s.read(once(usual("CLOSED")))
	closed()
	run(s.name, "throttled", closed)

	slow := s.read(usual("SLOW"))

	for i := 0; i < 40 && run(s.name, "retry", slow) < 2; i++ {
	}

	for _, gateway := range []string{"AHEAD10", "AHEAD60", "BEHIND60"} {
		run(s.name, strings.ToLower(gateway), s.read(usual(gateway)))
	}
}

func main() {
	for _, s := range services() {
		all(s)
	}
}
