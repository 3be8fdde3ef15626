import { basename, extname } from 'node:path'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { nameProblem, topicProblem } from '../../../base/topics.ts'
import { command, shared } from '../../command.ts'
import type { Part, PayloadFormat } from './play.ts'

/** Without any answer for so long a replay gives up: the edge is gone, or its disk is full. */
const GIVE_UP_MS = 60_000
const CONNECT_TIMEOUT_MS = 10_000
const KEEPALIVE_S = 30

export const replay = command({
  name: 'replay',
  summary: 'Plays recorded series (CSV) as devices that publish over MQTT',
  notes: [
    'Each file begins with the line timestamp,value; times are UTC without a zone, as 2013-12-02 21:15:00. Several files play at once, each as a device of its own. A message without an acknowledgement is sent again after a lost connection. Ends when all are acknowledged.',
  ],
  options: {
    url: { kind: 'text', value: 'URL', help: 'Broker', fallback: 'mqtt://127.0.0.1:1883' },
    device: { kind: 'text', value: 'NAME', help: 'Device; without it the name of the file' },
    metric: { kind: 'text', value: 'NAME', help: 'Metric', fallback: 'value' },
    rate: {
      kind: 'number',
      value: 'N',
      help: 'Messages per second in all; 0 is as fast as they are acknowledged',
      fallback: 100,
      min: 0,
      max: 1_000_000,
      fraction: true,
    },
    qos: { kind: 'number', value: 'N', help: 'Quality of service; 0 may lose', fallback: 1, min: 0, max: 1 },
    topic: {
      kind: 'text',
      value: 'TEMPLATE',
      help: 'Topic; {device} and {metric} are put in',
      fallback: 'telemetry/{device}/{metric}',
    },
    format: {
      kind: 'text',
      value: 'FORMAT',
      help: 'json: value and time; plain: the value alone',
      fallback: 'json',
      oneOf: ['json', 'plain'],
    },
    window: { kind: 'number', value: 'N', help: 'Unacknowledged at once', fallback: 1_000, min: 1, max: 10_000 },
    json: shared.json,
  },
  operands: { value: 'FILE.csv', help: 'Recorded series', min: 1, max: Number.POSITIVE_INFINITY },
  examples: [
    'replay machine.csv --metric temperature --rate 1000',
    'replay press-1.csv press-2.csv --url mqtt://192.168.1.20:1883 --rate 0',
  ],
  async run({ values, operands, output }) {
    const parts = partsOf(operands, values)
    const { Publisher } = await import('./publisher.ts')
    const { replayAll } = await import('./play.ts')
    const { url, window } = values
    const link = {
      url: brokerUrl(url),
      clientId: `tidegate-replay-${process.pid}`,
      session: false,
      keepaliveS: KEEPALIVE_S,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    }
    const qos = values.qos === 0 ? 0 : 1
    const publisher = await Publisher.open({ link, qos, window, giveUpMs: GIVE_UP_MS })
    const startedAt = performance.now()
    try {
      const published = await replayAll(parts, values.rate, publisher, (sent) =>
        output.progress(`${sent} published, ${publisher.acknowledged} acknowledged`),
      )
      const seconds = Math.round(performance.now() - startedAt) / 1_000
      const { acknowledged, refused, reconnects } = publisher
      const devices = new Set(parts.map(({ device }) => device)).size
      if (values.json) output.json({ devices, published, acknowledged, refused, reconnects, seconds })
      else {
        const perSecond = Math.round(published / Math.max(seconds, 0.001))
        const word = qos === 1 ? 'acknowledged' : 'written'
        output.print(
          `${published} published by ${devices} ${devices === 1 ? 'device' : 'devices'} in ${seconds} s (${perSecond}/s): ` +
            `${acknowledged} ${word}, ${refused} refused, ${reconnects} reconnects`,
        )
      }
      return refused === 0 ? Exit.OK : Exit.FAILED
    } finally {
      await publisher.close()
    }
  },
})

function partsOf(
  files: readonly string[],
  options: { device: string | undefined; metric: string; topic: string; format: PayloadFormat },
): Part[] {
  if (options.device !== undefined && files.length > 1) {
    throw misuse(`--device names one device, but there are ${files.length} files`, 'leave --device out')
  }
  const { topic, metric, format } = options
  return files.map((file) => {
    const part = { file, topic, metric, format, device: options.device ?? basename(file, extname(file)) }
    for (const name of [part.device, part.metric]) {
      const problem = name.includes('/') ? 'a name with "/"' : nameProblem(name)
      if (problem !== undefined) throw misuse(`"${name}" cannot name a device or metric: ${problem}`, 'give another')
    }
    const filled = topic.replaceAll('{device}', part.device).replaceAll('{metric}', metric)
    const problem = topicProblem(filled)
    if (problem !== undefined) throw misuse(`cannot publish to "${filled}": ${problem}`, 'correct --topic')
    return part
  })
}

function brokerUrl(text: string): string {
  if (/^(mqtts?|wss?):\/\/./.test(text) && URL.canParse(text)) return text
  throw misuse(`--url "${text}" is no address of a broker`, 'give one such as mqtt://127.0.0.1:1883')
}

function misuse(message: string, remedy: string): OperatorError {
  return new OperatorError(`replay: ${message}`, { remedy, exitCode: Exit.USAGE })
}
