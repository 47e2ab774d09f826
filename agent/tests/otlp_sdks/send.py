"""send.py PROTOCOL ENDPOINT COMPRESSION SIGNAL: the same telemetry each time, through the exporters of the Python SDK as an application has them.

Prints one JSON object a line: the ids of the root span, then what the SDK made of each export.
"""

import json
import logging
import sys

PROTOCOL, ENDPOINT, COMPRESSION, SIGNAL = sys.argv[1:]
# What the SDK has to say goes to standard error, where a failing test shows it.
logging.basicConfig(level=logging.DEBUG if "-v" in sys.argv else logging.WARNING)


def tell(**what):
    print(json.dumps(what), flush=True)


def exporter(signal, name):
    """The SDK's own exporter, which tells what became of each request."""
    module = __import__(f"opentelemetry.exporter.otlp.proto.{PROTOCOL}.{signal}", fromlist=[name])
    options = {"endpoint": ENDPOINT, "timeout": 20}
    if PROTOCOL == "grpc":
        import grpc

        options["insecure"] = True
        options["compression"] = grpc.Compression.Gzip if COMPRESSION == "gzip" else grpc.Compression.NoCompression
    else:
        from opentelemetry.exporter.otlp.proto.http import Compression

        path = {"trace_exporter": "traces", "metric_exporter": "metrics", "_log_exporter": "logs"}[signal]
        options["endpoint"] = f"{ENDPOINT}/v1/{path}"
        options["compression"] = Compression(COMPRESSION)

    class Told(getattr(module, name)):
        def export(self, *arguments, **named):
            result = super().export(*arguments, **named)
            tell(result=result.name)
            return result

    return Told(**options)


def resource():
    from opentelemetry.sdk.resources import Resource

    return Resource.create({"service.name": "sdk-test", "deployment.environment.name": "test"})


def traces():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

    provider = TracerProvider(resource=resource())
    provider.add_span_processor(BatchSpanProcessor(exporter("trace_exporter", "OTLPSpanExporter")))
    tracer = provider.get_tracer("scope", "1.2")
    elsewhere = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, TraceFlags(1))
    with tracer.start_as_current_span("root", kind=SpanKind.SERVER, links=[Link(elsewhere, {"why": "caused"})]) as root:
        root.set_attributes({"text": "é 😀", "int": 42, "double": 0.5, "bool": True, "list": ["a", "b"], "empty": ""})
        root.add_event("happened", {"n": 1})
        root.set_status(Status(StatusCode.ERROR, "broken"))
        with tracer.start_as_current_span("child", kind=SpanKind.CLIENT):
            pass
        context = root.get_span_context()
    tell(trace=f"{context.trace_id:032x}", span=f"{context.span_id:016x}")
    provider.shutdown()


def metrics():
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(exporter("metric_exporter", "OTLPMetricExporter"), export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=resource())
    meter = provider.get_meter("scope", "1.2")
    meter.create_counter("requests", unit="1").add(5, {"route": "/"})
    meter.create_histogram("duration", unit="s").record(0.25)
    meter.create_gauge("temperature").set(-3.5)
    provider.shutdown()


def logs():
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider(resource=resource())
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter("_log_exporter", "OTLPLogExporter")))
    record = LogRecord(timestamp=1, severity_number=SeverityNumber.ERROR, severity_text="ERROR", body="a line", attributes={"n": 1})
    provider.get_logger("scope", "1.2").emit(record)
    provider.shutdown()


{"traces": traces, "metrics": metrics, "logs": logs}[SIGNAL]()
