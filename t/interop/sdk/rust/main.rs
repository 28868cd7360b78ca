//! The AWS SDK for Rust as a client of the gateway; prints one line of JSON
//! per case.  The environment and the cases are those of ../Judge.pm.

use std::env;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_sdk_ssmguiconnect as guiconnect;
use aws_sdk_workspaces as workspaces;
use aws_sdk_workspacesinstances as instances;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{dyn_dispatch_hint, Intercept};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use serde_json::{json, Map, Value};

static SENT: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Counter;

#[dyn_dispatch_hint]
impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        SENT.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// What one call gave: members of the answer and the request id, or how it
/// was refused.
type Outcome = Result<(Value, Option<String>), Value>;

fn var(name: &str) -> String {
    env::var(name).expect(name)
}

/// The error's class is the name of its variant.
fn refused<E>(error: SdkError<E, Response>) -> Value
where
    E: Debug + ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Some(service) = error.as_service_error() else {
        return json!({ "fault": format!("{error:?}") });
    };

    let text = format!("{service:?}");
    let class = text.split(['(', ' ']).next().unwrap_or_default();

    json!({
        "error": {
            "class": class,
            "code": service.code(),
            "message": service.message(),
            "status": error.raw_response().map(|r| r.status().as_u16()),
        },
        "requestId": service.meta().extra("aws_request_id"),
    })
}

/// Prints how one call ended; returns how often it was sent.
fn print(service: &str, case: &str, outcome: Outcome) -> usize {
    let sent = SENT.swap(0, Ordering::Relaxed);
    let mut line = Map::new();

    match outcome {
        Ok((answer, id)) => {
            line.insert("answer".into(), answer);
            line.insert("requestId".into(), json!(id));
        }
        Err(Value::Object(refusal)) => line.extend(refusal),
        Err(other) => {
            line.insert("fault".into(), other);
        }
    }

    line.insert("service".into(), json!(service));
    line.insert("case".into(), json!(case));
    line.insert("attempts".into(), json!(sent));
    println!("{}", Value::Object(line));

    sent
}

/// Each crate has a Config and a Client of its own.
macro_rules! client {
    ($krate:ident, $gateway:expr, $key:expr, $secret:expr, $once:expr) => {{
        let mut config = $krate::Config::builder()
            .behavior_version($krate::config::BehaviorVersion::latest())
            .region($krate::config::Region::new("us-east-1"))
            .endpoint_url(var(&format!("SDK_{}", $gateway)))
            .credentials_provider(Credentials::new($key, $secret, None, None, "test"))
            .http_client(Builder::new().build_http())
            .interceptor(Counter);

        if $once {
            config = config.retry_config(RetryConfig::standard().with_max_attempts(1));
        }

        $krate::Client::from_conf(config.build())
    }};
}

macro_rules! all {
    ($krate:ident, $name:expr, $call:ident, $read:ident, $denied:ident, $invalid:ident) => {{
        let key = var("SDK_KEY");
        let secret = var("SDK_SECRET");
        let now = client!($krate, "NOW", &key, &secret, false);

        print($name, "call", $call(&now).await);
        let other = client!($krate, "NOW", "AKIAUNKNOWNUNKNOWN77", &secret, false);
        print($name, "unknown-key", $read(&other).await);
        let other = client!($krate, "NOW", &key, "not the secret of that key", true);
        print($name, "bad-signature", $read(&other).await);
        print($name, "denied", $denied(&now).await);
        print($name, "validation", $invalid(&now).await);
        let other = client!($krate, "NARROW", &key, &secret, false);
        print($name, "unknown-operation", $read(&other).await);

        let closed = client!($krate, "CLOSED", &key, &secret, true);
        let _ = $read(&closed).await;
        SENT.store(0, Ordering::Relaxed);
        print($name, "throttled", $read(&closed).await);

        let slow = client!($krate, "SLOW", &key, &secret, false);

        for _ in 0..40 {
            if print($name, "retry", $read(&slow).await) > 1 {
                break;
            }
        }

        for gateway in ["AHEAD10", "AHEAD60", "BEHIND60"] {
            let other = client!($krate, gateway, &key, &secret, false);
            print($name, &gateway.to_lowercase(), $read(&other).await);
        }
    }};
}

async fn workspaces_call(client: &workspaces::Client) -> Outcome {
    use workspaces::operation::RequestId;

    let desk = workspaces::types::WorkspaceRequest::builder()
        .directory_id("d-90670ca123")
        .user_name(var("SDK_USER"))
        .bundle_id("wsb-bh8rsxt14")
        .build()
        .map_err(|e| json!(e.to_string()))?;
    let made = client.create_workspaces().workspaces(desk).send().await.map_err(refused)?;
    let ident = made.pending_requests()[0].workspace_id().unwrap_or_default();
    let got = client.describe_workspaces().workspace_ids(ident).send().await.map_err(refused)?;
    let desk = &got.workspaces()[0];

    Ok((
        json!({
            "WorkspaceId": desk.workspace_id(),
            "DirectoryId": desk.directory_id(),
            "UserName": desk.user_name(),
            "BundleId": desk.bundle_id(),
            "State": desk.state().map(|s| s.as_str()),
        }),
        got.request_id().map(str::to_owned),
    ))
}

async fn workspaces_read(client: &workspaces::Client) -> Outcome {
    use workspaces::operation::RequestId;

    let got = client.describe_workspaces().send().await.map_err(refused)?;

    Ok((json!({}), got.request_id().map(str::to_owned)))
}

async fn workspaces_denied(client: &workspaces::Client) -> Outcome {
    let desk = workspaces::types::RebuildRequest::builder()
        .workspace_id("ws-0123456789")
        .build()
        .map_err(|e| json!(e.to_string()))?;

    client.rebuild_workspaces().rebuild_workspace_requests(desk).send().await.map_err(refused)?;

    Ok((json!({}), None))
}

async fn workspaces_invalid(client: &workspaces::Client) -> Outcome {
    client.describe_workspaces().workspace_ids("not an id").send().await.map_err(refused)?;

    Ok((json!({}), None))
}

async fn instances_call(client: &instances::Client) -> Outcome {
    use instances::operation::RequestId;
    use instances::types::{BillingConfiguration, BillingMode, ManagedInstanceRequest, Tag};

    let billing = BillingConfiguration::builder()
        .billing_mode(BillingMode::Hourly)
        .build()
        .map_err(|e| json!(e.to_string()))?;
    let machine = ManagedInstanceRequest::builder().instance_type("t3.large").build();
    let made = client
        .create_workspace_instance()
        .managed_instance(machine)
        .billing_configuration(billing)
        .tags(Tag::builder().key("user").value(var("SDK_USER")).build())
        .send()
        .await
        .map_err(refused)?;
    let got = client
        .get_workspace_instance()
        .workspace_instance_id(made.workspace_instance_id().unwrap_or_default())
        .send()
        .await
        .map_err(refused)?;

    Ok((
        json!({
            "WorkspaceInstanceId": got.workspace_instance_id(),
            "ProvisionState": got.provision_state().map(|s| s.as_str()),
            "InstanceId": got.ec2_managed_instance().and_then(|i| i.instance_id()),
            "BillingMode": got.billing_configuration().map(|b| b.billing_mode().as_str()),
        }),
        got.request_id().map(str::to_owned),
    ))
}

async fn instances_read(client: &instances::Client) -> Outcome {
    use instances::operation::RequestId;

    let got = client.list_workspace_instances().send().await.map_err(refused)?;

    Ok((json!({}), got.request_id().map(str::to_owned)))
}

async fn instances_denied(client: &instances::Client) -> Outcome {
    client
        .delete_workspace_instance()
        .workspace_instance_id("wsinst-0123456789abc")
        .send()
        .await
        .map_err(refused)?;

    Ok((json!({}), None))
}

async fn instances_invalid(client: &instances::Client) -> Outcome {
    client
        .get_workspace_instance()
        .workspace_instance_id("this is not an id")
        .send()
        .await
        .map_err(refused)?;

    Ok((json!({}), None))
}

async fn update(client: &guiconnect::Client, bucket: &str, owner: &str) -> Outcome {
    use guiconnect::operation::RequestId;
    use guiconnect::types::{ConnectionRecordingPreferences, RecordingDestinations, S3Bucket};

    let bucket = S3Bucket::builder()
        .bucket_name(bucket)
        .bucket_owner(owner)
        .build()
        .map_err(|e| json!(e.to_string()))?;
    let to = RecordingDestinations::builder()
        .s3_buckets(bucket)
        .build()
        .map_err(|e| json!(e.to_string()))?;
    let preferences = ConnectionRecordingPreferences::builder()
        .kms_key_arn(format!("arn:aws:kms:us-east-1:111122223333:key/{}", var("SDK_USER")))
        .recording_destinations(to)
        .build()
        .map_err(|e| json!(e.to_string()))?;
    let got = client
        .update_connection_recording_preferences()
        .connection_recording_preferences(preferences)
        .send()
        .await
        .map_err(refused)?;

    Ok((json!({}), got.request_id().map(str::to_owned)))
}

async fn guiconnect_call(client: &guiconnect::Client) -> Outcome {
    use guiconnect::operation::RequestId;

    guiconnect_read(client).await?;

    let got = client.get_connection_recording_preferences().send().await.map_err(refused)?;
    let kept = got.connection_recording_preferences().ok_or_else(|| json!("none kept"))?;
    let bucket = kept
        .recording_destinations()
        .and_then(|d| d.s3_buckets().first())
        .ok_or_else(|| json!("no bucket"))?;

    Ok((
        json!({
            "KMSKeyArn": kept.kms_key_arn(),
            "BucketName": bucket.bucket_name(),
            "BucketOwner": bucket.bucket_owner(),
        }),
        got.request_id().map(str::to_owned),
    ))
}

async fn guiconnect_read(client: &guiconnect::Client) -> Outcome {
    update(client, &format!("recordings-{}", var("SDK_USER")), "111122223333").await
}

async fn guiconnect_denied(client: &guiconnect::Client) -> Outcome {
    client.delete_connection_recording_preferences().send().await.map_err(refused)?;

    Ok((json!({}), None))
}

async fn guiconnect_invalid(client: &guiconnect::Client) -> Outcome {
    update(client, "recordings", "nobody").await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    all!(
        workspaces,
        "workspaces",
        workspaces_call,
        workspaces_read,
        workspaces_denied,
        workspaces_invalid
    );
    all!(
        instances,
        "workspaces-instances",
        instances_call,
        instances_read,
        instances_denied,
        instances_invalid
    );
    all!(
        guiconnect,
        "ssm-guiconnect",
        guiconnect_call,
        guiconnect_read,
        guiconnect_denied,
        guiconnect_invalid
    );
}
