/** The process of one side: opens it, warms up, then measures a slice each time the runner asks. */
import { rows } from '../trials/index.mjs'
import { slice, warmUp } from './measure.mjs'
import { Skip } from './rivals.mjs'

let side
let operations

const answers = {
  async start({ name, role, file, timing }) {
    side = await rows.find((row) => row.name === name)[role].open(file)
    operations = await warmUp(side, timing)
    return {}
  },
  slice: ({ seed }) => slice(side, operations, seed),
  async stop() {
    await side.close()
    // Not process.exit: that the process ends by itself is part of the trial.
    process.disconnect()
  },
}

process.on('message', async (message) => {
  try {
    const answer = await answers[message.type](message)
    if (answer) process.send(answer)
  } catch (error) {
    process.send(error instanceof Skip ? { skip: error.message } : { failure: error.stack }, () => process.exit(1))
  }
})
