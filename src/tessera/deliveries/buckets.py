"""Objects in an S3-compatible bucket, through s3fs. Only jobs load it: it brings forty megabytes."""

from typing import Any, Final

from tessera.deliveries.records import Bucket
from tessera.foundation.outbound import OutboundFailed, OutboundRefused, find, guarded_socket, read_address

SECONDS: Final = 300.0
"""All of it takes at most: whoever answers drop by drop holds us up no longer."""
CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 60


def put_object(bucket: Bucket, secret: str, name: str, body: bytes, content_type: str, delivery: str) -> None:
    """Put the whole object, over what is there. Raises `OutboundRefused`, `OutboundFailed`."""
    import s3fs

    if bucket.endpoint:
        find(read_address(bucket.endpoint))  # an address that is no name is never looked up by the client
    client: dict[str, Any] = {"region_name": bucket.region or "us-east-1"}
    if bucket.endpoint:
        client["endpoint_url"] = bucket.endpoint
    files = s3fs.S3FileSystem(
        key=bucket.key_id, secret=secret, client_kwargs=client, config_kwargs=_manners(bucket), skip_instance_cache=True
    )
    files.retries = 1
    key = "/".join(part for part in (bucket.prefix.strip("/"), name) if part)
    about = {"ContentType": content_type, "Metadata": {"tessera-delivery": delivery}}
    try:
        # one request with the key as it is: a path would be read, and cut where it looks like a version (`?versionId=`)
        files.call_s3("put_object", Bucket=bucket.bucket, Key=key, Body=body, timeout=SECONDS, **about)
    except Exception as error:
        raise _in_short(error) from error


def _manners(bucket: Bucket) -> dict[str, Any]:
    """One try (we try again ourselves), no checksums that other makers' servers do not know, only judged addresses."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"max_attempts": 1},
        "proxies": {},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "s3": {"addressing_style": "path" if bucket.endpoint else "virtual"},
        "connector_args": {"socket_factory": guarded_socket},
    }


def _in_short(error: Exception) -> Exception:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OutboundRefused):
            return seen
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, TimeoutError):
        return OutboundFailed("no answer in time")
    return OutboundFailed(f"{type(error).__name__}: {error}"[:400])
