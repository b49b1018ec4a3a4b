// One process of the soak: a thread for each list of roles.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { threads } from './roles/index.mjs'
import { endThread, runThread } from './thread.mjs'

const work = JSON.parse(process.argv[2])
const workers = threads.slice(1).map((_, at) => {
  const worker = new Worker(new URL('thread.mjs', import.meta.url), { workerData: { ...work, number: at + 1 } })
  return Promise.all([once(worker, 'message'), once(worker, 'exit')])
})
const [main, ...others] = await Promise.all([runThread({ ...work, number: 0 }), ...workers])
await endThread(main)
const sum = {}
for (const counts of [main.counts, ...others.map(([[counts]]) => counts)]) {
  for (const [what, times] of Object.entries(counts)) sum[what] = (sum[what] ?? 0) + times
}
console.log(JSON.stringify(sum))
