// What a user of @signalwire/node 2.6.0 writes, in some scenarios; run by the tests in the folder above.
//
// Usage: client.js SCENARIO HOST PROJECT TOKEN [ARGUMENTS]. Every fact that a test looks at is one JSON object on a
// line of stdout (lines of the client's own log lie between them). After each `step` the program waits for a line on
// stdin.
'use strict'

const { RelayClient } = require('@signalwire/node')
const calls = require('./calls')
const consumers = require('./consumers')
const operations = require('./operations')
const { say, leave } = require('./steps')

const scenarios = { ...calls, ...operations, refused: () => {} }

// Connects, does the scenario when ready, and disconnects.
function connect(scenario, login, ...rest) {
  const client = new RelayClient(login)
  client.on('signalwire.error', async error => {
    say('refused', { code: error.code, message: error.message })
    await leave(client)
  })
  client.on('signalwire.ready', async () => {
    say('ready', { connected: client.connected })
    await scenario(client, ...rest)
    await leave(client)
  })
  client.connect()
}

// An error in a handler is for the test to see, and not for the client to swallow.
process.on('unhandledRejection', error => {
  console.error(error)
  process.exit(1)
})

const [scenario, host, project, token, ...rest] = process.argv.slice(2)
const login = { host, project, token }
if (scenario in scenarios) connect(scenarios[scenario], login, ...rest)
else if (scenario in consumers) consumers[scenario](login, ...rest)
else {
  console.error(`unknown scenario ${scenario}`)
  process.exit(1)
}
