import { basename, extname } from 'node:path'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { nameProblem, topicProblem } from '../../../base/topics.ts'
import { command, shared } from '../../command.ts'
import type { ReplayFormat, ReplaySeries } from './play.ts'

/** A replay gives up if no message is answered for this long: the edge is gone, or its disk is full. */
const GIVE_UP_MS = 60_000
const CONNECT_TIMEOUT_MS = 10_000
const KEEPALIVE_S = 30

export const replay = command({
  name: 'replay',
  summary: 'Publish recorded series (CSV) over MQTT, as devices do',
  notes: [
    'The first line of each file is timestamp,value; times are UTC without a zone, such as 2013-12-02 21:15:00. Several files are replayed at the same time, each as a separate device. After a lost connection, unacknowledged messages are sent again. The command ends when all messages are acknowledged.',
  ],
  options: {
    url: { kind: 'text', value: 'URL', help: 'Address of the broker', fallback: 'mqtt://127.0.0.1:1883' },
    device: { kind: 'text', value: 'NAME', help: 'Name of the device; default: the file name without its extension' },
    metric: { kind: 'text', value: 'NAME', help: 'Name of the metric', fallback: 'value' },
    rate: {
      kind: 'number',
      value: 'N',
      help: 'Messages per second, all files together; 0: as fast as they are acknowledged',
      fallback: 100,
      min: 0,
      max: 1_000_000,
      fraction: true,
    },
    qos: {
      kind: 'number',
      value: 'N',
      help: 'MQTT quality of service; with 0, messages may be lost',
      fallback: 1,
      min: 0,
      max: 1,
    },
    topic: {
      kind: 'text',
      value: 'TEMPLATE',
      help: 'Topic; {device} and {metric} are replaced by the names',
      fallback: 'telemetry/{device}/{metric}',
    },
    format: {
      kind: 'text',
      value: 'FORMAT',
      help: 'json: value and time; plain: only the value',
      fallback: 'json',
      oneOf: ['json', 'plain'],
    },
    window: {
      kind: 'number',
      value: 'N',
      help: 'Maximum number of unacknowledged messages',
      fallback: 1_000,
      min: 1,
      max: 10_000,
    },
    json: shared.json,
  },
  operands: { value: 'FILE.csv', help: 'Recorded series', min: 1, max: Number.POSITIVE_INFINITY },
  examples: [
    'replay machine.csv --metric temperature --rate 1000',
    'replay press-1.csv press-2.csv --url mqtt://192.168.1.20:1883 --rate 0',
  ],
  async run({ values, operands, output }) {
    const series = seriesOf(operands, values)
    const { ReplayPublisher } = await import('./publisher.ts')
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
    const publisher = await ReplayPublisher.open({ link, qos, window, giveUpMs: GIVE_UP_MS })
    const startedAt = performance.now()
    try {
      const published = await replayAll(series, values.rate, publisher, (sent) =>
        output.progress(`${sent} published, ${publisher.acknowledged} acknowledged`),
      )
      const seconds = Math.round(performance.now() - startedAt) / 1_000
      const { acknowledged, refused, reconnects } = publisher
      const devices = new Set(series.map(({ device }) => device)).size
      if (values.json) output.json({ devices, published, acknowledged, refused, reconnects, seconds })
      else {
        const perSecond = Math.round(published / Math.max(seconds, 0.001))
        const outcome = qos === 1 ? 'acknowledged' : 'written'
        output.print(
          `${published} published by ${devices} ${devices === 1 ? 'device' : 'devices'} in ${seconds} s (${perSecond}/s): ` +
            `${acknowledged} ${outcome}, ${refused} refused, ${reconnects} reconnects`,
        )
      }
      return refused === 0 ? Exit.OK : Exit.FAILED
    } finally {
      await publisher.close()
    }
  },
})

function seriesOf(
  files: readonly string[],
  options: { device: string | undefined; metric: string; topic: string; format: ReplayFormat },
): ReplaySeries[] {
  if (options.device !== undefined && files.length > 1) {
    throw misuse(`--device names one device, but there are ${files.length} files`, 'omit --device')
  }
  const { topic, metric, format } = options
  return files.map((file) => {
    const series = { file, topic, metric, format, device: options.device ?? basename(file, extname(file)) }
    for (const name of [series.device, series.metric]) {
      const problem = name.includes('/') ? 'a name with "/"' : nameProblem(name)
      if (problem !== undefined)
        throw misuse(`"${name}" cannot be the name of a device or metric: ${problem}`, 'use another name')
    }
    const filled = topic.replaceAll('{device}', series.device).replaceAll('{metric}', metric)
    const problem = topicProblem(filled)
    if (problem !== undefined) throw misuse(`cannot publish to "${filled}": ${problem}`, 'correct --topic')
    return series
  })
}

function brokerUrl(text: string): string {
  if (/^(mqtts?|wss?):\/\/./.test(text) && URL.canParse(text)) return text
  throw misuse('--url is not the address of a broker', 'use a URL such as mqtt://127.0.0.1:1883')
}

function misuse(message: string, remedy: string): OperatorError {
  return new OperatorError(`replay: ${message}`, { remedy, exitCode: Exit.USAGE })
}
