// send.js PROTOCOL ENDPOINT COMPRESSION: the same spans each time, through the exporters of the JavaScript SDK as an application has them.
// Prints one JSON object a line: the ids of the root span, then what the SDK made of each export.

'use strict';

const [protocol, endpoint, compression] = process.argv.slice(2);
const { SpanKind, SpanStatusCode, TraceFlags, context, diag, DiagLogLevel, trace } = require('@opentelemetry/api');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

// What the SDK has to say goes to standard error, where a failing test shows it.
const toStderr = (...words) => console.error(...words);
diag.setLogger({ error: toStderr, warn: toStderr, info: toStderr, debug: toStderr, verbose: toStderr }, DiagLogLevel.INFO);

const tell = (what) => console.log(JSON.stringify(what));

function exporter() {
  const name = { grpc: 'grpc', 'http/protobuf': 'proto', 'http/json': 'http' }[protocol];
  const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${name}`);
  const url = protocol === 'grpc' ? endpoint : `${endpoint}/v1/traces`;
  return new OTLPTraceExporter({ url, compression, timeoutMillis: 20000 });
}

/** Tells what became of each request. */
class Told {
  constructor(inner) {
    this.inner = inner;
  }
  export(spans, done) {
    this.inner.export(spans, (result) => {
      tell({ result: result.code === 0 ? 'SUCCESS' : 'FAILURE' });
      done(result);
    });
  }
  forceFlush() {
    return this.inner.forceFlush?.() ?? Promise.resolve();
  }
  shutdown() {
    return this.inner.shutdown();
  }
}

async function main() {
  const { defaultResource, resourceFromAttributes } = require('@opentelemetry/resources');
  const resource = defaultResource().merge(
    resourceFromAttributes({ 'service.name': 'sdk-test', 'deployment.environment.name': 'test' }),
  );
  const provider = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new Told(exporter()))] });
  const tracer = provider.getTracer('scope', '1.2');
  const elsewhere = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
  const links = [{ context: elsewhere, attributes: { why: 'caused' } }];
  const root = tracer.startSpan('root', { kind: SpanKind.SERVER, links });
  root.setAttributes({ text: 'é 😀', int: 42, double: 0.5, bool: true, list: ['a', 'b'], empty: '' });
  root.addEvent('happened', { n: 1 });
  root.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
  tracer.startSpan('child', { kind: SpanKind.CLIENT }, trace.setSpan(context.active(), root)).end();
  root.end();
  tell({ trace: root.spanContext().traceId, span: root.spanContext().spanId });
  // A failed export is told above, and is no failure of this program.
  await provider.forceFlush().catch(toStderr);
  await provider.shutdown().catch(toStderr);
}

main();
