/*
 * The AWS SDK for Java as a client of the gateway; prints one line of JSON
 * per case.  The environment and the cases are those of ../Judge.pm.
 */

import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.AwsResponse;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.awscore.client.builder.AwsSyncClientBuilder;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.ssmguiconnect.SsmGuiConnectClient;
import software.amazon.awssdk.services.workspaces.WorkSpacesClient;
import software.amazon.awssdk.services.workspacesinstances
    .WorkspacesInstancesClient;

public class Client
{
    /* What one call gives. */
    record Answer(AwsResponse response, Map<String, String> members)
    {
        Answer(AwsResponse response)
        {
            this(response, Map.of());
        }
    }

    /* The calls of a service by a client of it. */
    record Service<C>(String name, Function<Options, C> make,
                      Function<C, Answer> call, Function<C, Answer> read,
                      Function<C, Answer> denied, Function<C, Answer> invalid)
    {
    }

    record Options(String gateway, String key, String secret, boolean once)
    {
        Options(String gateway)
        {
            this(gateway, env("SDK_KEY"), env("SDK_SECRET"), false);
        }
    }

    static class Counter implements ExecutionInterceptor
    {
        int sent;

        @Override
        public void beforeTransmission(Context.BeforeTransmission context,
                                       ExecutionAttributes attributes)
        {
            sent++;
        }
    }

    static final Counter counter = new Counter();
    static final String user = env("SDK_USER");


    static String env(String name)
    {
        return System.getenv(name);
    }


    static <B extends AwsSyncClientBuilder<B, C> & AwsClientBuilder<B, C>, C>
    C make(B builder, Options options)
    {
        return builder
            .region(Region.US_EAST_1)
            .endpointOverride(URI.create(env("SDK_" + options.gateway())))
            .credentialsProvider(StaticCredentialsProvider.create(
                AwsBasicCredentials.create(options.key(), options.secret())))
            .overrideConfiguration(c -> {
                c.addExecutionInterceptor(counter);

                if (options.once()) {
                    c.retryStrategy(r -> r.maxAttempts(1));
                }
            })
            .build();
    }


    static Service<WorkSpacesClient> workspaces()
    {
        return new Service<>(
            "workspaces",
            o -> make(WorkSpacesClient.builder(), o),
            c -> {
                var made = c.createWorkspaces(r -> r.workspaces(w -> w
                    .directoryId("d-90670ca123")
                    .userName(user)
                    .bundleId("wsb-bh8rsxt14")));
                var ident = made.pendingRequests().get(0).workspaceId();
                var got = c.describeWorkspaces(r -> r.workspaceIds(ident));
                var desk = got.workspaces().get(0);

                return new Answer(got, Map.of(
                    "WorkspaceId", desk.workspaceId(),
                    "DirectoryId", desk.directoryId(),
                    "UserName", desk.userName(),
                    "BundleId", desk.bundleId(),
                    "State", desk.stateAsString()));
            },
            c -> new Answer(c.describeWorkspaces()),
            c -> new Answer(c.rebuildWorkspaces(r -> r
                .rebuildWorkspaceRequests(w -> w
                    .workspaceId("ws-0123456789")))),
            c -> new Answer(c.describeWorkspaces(r -> r
                .workspaceIds("not an id"))));
    }


    static Service<WorkspacesInstancesClient> instances(String name)
    {
        return new Service<>(
            name,
            o -> make(WorkspacesInstancesClient.builder(), o),
            c -> {
                var made = c.createWorkspaceInstance(r -> r
                    .managedInstance(m -> m.instanceType("t3.large"))
                    .tags(t -> t.key("user").value(user)));
                var got = c.getWorkspaceInstance(r -> r
                    .workspaceInstanceId(made.workspaceInstanceId()));

                return new Answer(got, Map.of(
                    "WorkspaceInstanceId", got.workspaceInstanceId(),
                    "ProvisionState", got.provisionStateAsString(),
                    "InstanceId", got.ec2ManagedInstance().instanceId()));
            },
            c -> new Answer(c.listWorkspaceInstances(r -> {})),
            c -> new Answer(c.deleteWorkspaceInstance(r -> r
                .workspaceInstanceId("wsinst-0123456789abc"))),
            c -> new Answer(c.getWorkspaceInstance(r -> r
                .workspaceInstanceId("this is not an id"))));
    }


    static AwsResponse update(SsmGuiConnectClient client, String bucket,
                              String owner)
    {
        return client.updateConnectionRecordingPreferences(r -> r
            .connectionRecordingPreferences(p -> p
                .kmsKeyArn("arn:aws:kms:us-east-1:111122223333:key/" + user)
                .recordingDestinations(d -> d.s3Buckets(b -> b
                    .bucketName(bucket)
                    .bucketOwner(owner)))));
    }


    static Service<SsmGuiConnectClient> guiconnect()
    {
        return new Service<>(
            "ssm-guiconnect",
            o -> make(SsmGuiConnectClient.builder(), o),
            c -> {
                update(c, "recordings-" + user, "111122223333");

                var got = c.getConnectionRecordingPreferences(r -> {});
                var kept = got.connectionRecordingPreferences();
                var bucket = kept.recordingDestinations().s3Buckets().get(0);

                return new Answer(got, Map.of(
                    "KMSKeyArn", kept.kmsKeyArn(),
                    "BucketName", bucket.bucketName(),
                    "BucketOwner", bucket.bucketOwner()));
            },
            c -> new Answer(update(c, "recordings-" + user,
                                   "111122223333")),
            c -> new Answer(c.deleteConnectionRecordingPreferences(r -> {})),
            c -> new Answer(update(c, "recordings", "nobody")));
    }


    static String json(Object value)
    {
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream()
                .map(e -> json(e.getKey()) + ":" + json(e.getValue()))
                .collect(Collectors.joining(",", "{", "}"));
        }

        if (value instanceof Integer) {
            return value.toString();
        }

        if (value == null) {
            return "null";
        }

        return value.toString().chars()
            .mapToObj(c -> c < ' ' || c == '"' || c == '\\'
                      ? String.format("\\u%04x", c)
                      : Character.toString(c))
            .collect(Collectors.joining("", "\"", "\""));
    }


    /* Prints how one call ended; returns how often it was sent. */
    static <C> int run(String service, String name, C client,
                       Function<C, Answer> call)
    {
        var line = new LinkedHashMap<String, Object>();

        line.put("service", service);
        line.put("case", name);
        counter.sent = 0;

        try {
            var answer = call.apply(client);

            line.put("answer", answer.members());
            line.put("requestId",
                     answer.response().responseMetadata().requestId());

        } catch (AwsServiceException e) {
            line.put("error", Map.of(
                "class", e.getClass().getSimpleName(),
                "code", e.awsErrorDetails().errorCode(),
                "message", String.valueOf(e.awsErrorDetails().errorMessage()),
                "status", e.statusCode()));
            line.put("requestId", e.requestId());

        } catch (RuntimeException e) {
            line.put("fault", e.toString());
        }

        line.put("attempts", counter.sent);
        System.out.println(json(line));

        return counter.sent;
    }


    static <C> void all(Service<C> s)
    {
        var now = s.make().apply(new Options("NOW"));

        run(s.name(), "call", now, s.call());
        run(s.name(), "unknown-key",
            s.make().apply(new Options("NOW", "AKIAUNKNOWNUNKNOWN77",
                                       env("SDK_SECRET"), false)),
            s.read());
        run(s.name(), "bad-signature",
            s.make().apply(new Options("NOW", env("SDK_KEY"),
                                       "not the secret of that key", true)),
            s.read());
        run(s.name(), "denied", now, s.denied());
        run(s.name(), "validation", now, s.invalid());
        run(s.name(), "unknown-operation",
            s.make().apply(new Options("NARROW")), s.read());

        var closed = s.make().apply(new Options("CLOSED", env("SDK_KEY"),
                                                env("SDK_SECRET"), true));

        try {
            s.read().apply(closed);

        } catch (AwsServiceException e) {
            /* somebody before us took the token */
        }

        run(s.name(), "throttled", closed, s.read());

        var slow = s.make().apply(new Options("SLOW"));

        for (int i = 0; i < 40; i++) {
            if (run(s.name(), "retry", slow, s.read()) > 1) {
                break;
            }
        }

        for (String gateway : new String[] {"AHEAD10", "AHEAD60",
                                            "BEHIND60"}) {
            run(s.name(), gateway.toLowerCase(Locale.ROOT),
                s.make().apply(new Options(gateway)), s.read());
        }
    }


    /* With an argument, the client of WorkSpaces Instances is another one. */
    public static void main(String[] arguments)
    {
        if (arguments.length > 0) {
            all(instances(arguments[0]));
            return;
        }

        all(workspaces());
        all(instances("workspaces-instances"));
        all(guiconnect());
    }
}
