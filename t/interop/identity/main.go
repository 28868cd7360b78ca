// The AWS SDK for Go with its own chain of credential providers: three calls,
// the last after the credentials of the first have expired.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/workspaces"
)

func run() error {
	ctx := context.Background()

	pause, err := strconv.Atoi(os.Getenv("PAUSE"))
	if err != nil {
		return err
	}

	loaded, err := config.LoadDefaultConfig(ctx,
		config.WithRegion("us-east-1"))
	if err != nil {
		return err
	}

	client := workspaces.NewFromConfig(loaded, func(o *workspaces.Options) {
		o.BaseEndpoint = aws.String(os.Getenv("GATEWAY"))
	})

	for _, seconds := range []int{0, 1, pause} {
		time.Sleep(time.Duration(seconds) * time.Second)

		got, err := client.DescribeWorkspaces(ctx,
			&workspaces.DescribeWorkspacesInput{})
		if err != nil {
			return err
		}

		who, err := loaded.Credentials.Retrieve(ctx)
		if err != nil {
			return err
		}

		fmt.Println(len(got.Workspaces), who.AccessKeyID)
	}

	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
