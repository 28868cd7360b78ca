/*
 * The AWS SDK for Java with its own chain of credential providers: three
 * calls, the last after the credentials of the first have expired.
 */

import java.net.URI;

import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.workspaces.WorkSpacesClient;

public class Client
{
    public static void main(String[] arguments) throws Exception
    {
        var credentials = DefaultCredentialsProvider.builder().build();
        var client = WorkSpacesClient.builder()
            .region(Region.US_EAST_1)
            .endpointOverride(URI.create(System.getenv("GATEWAY")))
            .credentialsProvider(credentials)
            .build();
        int[] pauses = { 0, 1, Integer.parseInt(System.getenv("PAUSE")) };

        for (int pause : pauses) {
            Thread.sleep(pause * 1000L);

            int count = client.describeWorkspaces().workspaces().size();

            System.out.println(count + " "
                + credentials.resolveCredentials().accessKeyId());
        }
    }
}
