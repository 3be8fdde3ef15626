import { SqliteSink } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'
import { describeConfigs } from '../contracts/configs.ts'

describeConfigs('received.db', async () => {
  const sink = SqliteSink.open(tempFolder())
  onStop(() => sink.close())
  return sink
})
