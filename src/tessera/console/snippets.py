"""What to paste into a site, a server or an app so that it sends its events here: the source's key filled in.

SDKs that speak Segment's protocol work unmodified; each is told our address instead of its maker's.
"""

from typing import Final
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

_WEB_NPM: Final = """\
// npm install @segment/analytics-next
import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load(
  { writeKey: "{key}", cdnURL: "{collect}" },
  { integrations: { "Segment.io": { apiHost: "{host}/v1", protocol: "{scheme}" } } },
);
analytics.page();
analytics.identify("ana", { email: "ana@example.com" });"""
_WEB_SCRIPT: Final = """\
<!-- Copy dist/umd/index.js of the npm package @segment/analytics-next to your site as analytics.js. -->
<script src="/analytics.js"></script>
<script>
  const analytics = AnalyticsNext.AnalyticsBrowser.load(
    { writeKey: "{key}", cdnURL: "{collect}" },
    { integrations: { "Segment.io": { apiHost: "{host}/v1", protocol: "{scheme}" } } },
  );
  analytics.page();
</script>"""
_PYTHON: Final = """\
# pip install segment-analytics-python
import segment.analytics as analytics

analytics.write_key = "{key}"
analytics.host = "{collect}"
analytics.track("ana", "Order Completed", {"order_id": "1001", "revenue": 25.90, "currency": "EUR"})
analytics.flush()"""
_NODE: Final = """\
// npm install @segment/analytics-node
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "{key}", host: "{collect}" });
analytics.track({
  userId: "ana",
  event: "Order Completed",
  properties: { order_id: "1001", revenue: 25.9, currency: "EUR" },
});
await analytics.closeAndFlush();"""
_PHP: Final = """\
<?php
// composer require segmentio/analytics-php
use Segment\\Segment;

Segment::init("{key}", ["host" => "{host}", "ssl" => {ssl}]);
Segment::track([
    "userId" => "ana",
    "event" => "Order Completed",
    "properties" => ["order_id" => "1001", "revenue" => 25.90, "currency" => "EUR"],
]);
Segment::flush();"""
_CURL: Final = """\
curl {collect}/v1/track -u {key}: -H 'Content-Type: application/json' -d '{
  "event": "Signed Up", "userId": "ana", "context": {"traits": {"email": "ana@example.com"}}
}'"""
_IOS: Final = """\
// Swift package: https://github.com/segmentio/analytics-swift
import Segment

let configuration = Configuration(writeKey: "{key}")
    .apiHost("{host}/v1")
    .cdnHost("{host}/v1")
    .trackApplicationLifecycleEvents(true)
let analytics = Analytics(configuration: configuration)
analytics.identify(userId: "ana", traits: ["email": "ana@example.com"])
analytics.track(name: "Order Completed", properties: ["revenue": 25.9, "currency": "EUR"])"""
_ANDROID: Final = """\
// implementation("com.segment.analytics.kotlin:android:1.+")
import com.segment.analytics.kotlin.android.Analytics
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

val analytics = Analytics("{key}", applicationContext) {
    apiHost = "{host}/v1"
    cdnHost = "{host}/v1"
    trackApplicationLifecycleEvents = true
}
analytics.identify("ana", buildJsonObject { put("email", "ana@example.com") })
analytics.track("Order Completed", buildJsonObject { put("revenue", 25.9); put("currency", "EUR") })"""
_REACT_NATIVE: Final = """\
// npm install @segment/analytics-react-native @segment/sovran-react-native react-native-get-random-values
import { createClient } from "@segment/analytics-react-native";

const analytics = createClient({
  writeKey: "{key}",
  proxy: "{collect}/v1/b",
  cdnProxy: "{collect}/v1/projects",
  trackAppLifecycleEvents: true,
});
analytics.identify("ana", { email: "ana@example.com" });
analytics.track("Order Completed", { revenue: 25.9, currency: "EUR" });"""
_FLUTTER: Final = """\
// flutter pub add segment_analytics
import 'package:segment_analytics/client.dart';
import 'package:segment_analytics/event.dart';
import 'package:segment_analytics/state.dart';

final analytics = createClient(Configuration(
  "{key}",
  apiHost: "{host}/v1",
  cdnHost: "{host}/v1",
  trackApplicationLifecycleEvents: true,
));
analytics.identify(userId: "ana", userTraits: UserTraits(email: "ana@example.com"));
analytics.track("Order Completed", properties: {"revenue": 25.9, "currency": "EUR"});"""


class Snippet(Struct, frozen=True):
    """One way to send; `needs_https` where the SDK speaks nothing else."""

    id: str
    title: str
    code: str
    needs_https: bool = False


class Group(Struct, frozen=True):
    """Snippets of one kind of place, one of which is shown at a time."""

    id: str
    title: str | Promise
    snippets: list[Snippet]
    chosen: bool


_GROUPS: Final[tuple[tuple[str, str | Promise, tuple[str, ...], tuple[tuple[str, str, str], ...]], ...]] = (
    ("web", _("Web"), ("site",), (("npm", "npm", _WEB_NPM), ("script", "<script>", _WEB_SCRIPT))),
    (
        "server",
        _("Server"),
        ("server", "till", "call_centre"),
        (("python", "Python", _PYTHON), ("node", "Node", _NODE), ("php", "PHP", _PHP), ("curl", "curl", _CURL)),
    ),
    (
        "mobile",
        _("Mobile"),
        ("app",),
        (
            ("ios", "iOS", _IOS),
            ("android", "Android", _ANDROID),
            ("react-native", "React Native", _REACT_NATIVE),
            ("flutter", "Flutter", _FLUTTER),
        ),
    ),
)
_HTTPS_ONLY: Final = frozenset({"ios", "android", "flutter"})


def snippets_for(kind: str, *, key: str, collect: str) -> list[Group]:
    """Every snippet with this key and address; the group for this kind of source comes first."""
    parts = urlsplit(collect)
    known = {
        "{key}": key,
        "{collect}": collect,
        "{host}": parts.netloc,
        "{scheme}": parts.scheme,
        "{ssl}": "true" if parts.scheme == "https" else "false",
    }
    groups = [
        Group(
            group,
            title,
            [
                Snippet(name, label, _filled(code, known), name in _HTTPS_ONLY and parts.scheme != "https")
                for name, label, code in snippets
            ],
            kind in kinds,
        )
        for group, title, kinds, snippets in _GROUPS
    ]
    return sorted(groups, key=lambda group: not group.chosen)


def _filled(code: str, known: dict[str, str]) -> str:
    for placeholder, value in known.items():
        code = code.replace(placeholder, value)
    return code
