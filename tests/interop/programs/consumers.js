// Consumers: what is left for them in a context.
'use strict'

const https = require('https')
const { RelayConsumer, Task } = require('@signalwire/node')
const { FROM, MUSIC, say, step, queue, outcome, leave } = require('./steps')

function inbound(login) {
  const consumer = new RelayConsumer({
    ...login,
    contexts: ['reception'],
    ready: () => say('ready'),
    onIncomingCall: async call => {
      say('incoming', { context: call.context, state: call.state, caller: call.from, called: call.to })
      const answered = await call.answer()
      say('answered', { successful: answered.successful, state: call.state })
      await step('played', outcome(await call.playAudio(MUSIC)))
      const gone = await call.hangup()
      say('hung up', { successful: gone.successful, reason: gone.reason, state: call.state })
      await leave(consumer.client)
    },
  })
  consumer.run()
}

// What only this client can do: give a call back, for another consumer to take.
function passing(login) {
  const consumer = new RelayConsumer({
    ...login,
    contexts: ['reception'],
    ready: () => say('ready'),
    onIncomingCall: async call => {
      await step('passed', outcome(await call.pass()))
      await leave(consumer.client)
    },
  })
  consumer.run()
}

// JSON leaves undefined out, and it is a fact too.
const facts = message => ({
  context: message.context,
  from_number: message.from,
  to_number: message.to,
  direction: message.direction,
  state: message.state,
  body: message.body,
  media: message.media,
  tags: message.tags,
  segments: message.segments,
  reason: message.reason ?? null,
})

// Sends a message to each of some numbers, and takes one. The handlers may be called before send() returns.
function messages(login, ...numbers) {
  const [next, add] = queue()
  const send = (to, message) => consumer.client.messaging.send({ from: FROM, to, context: 'office', ...message })
  const consumer = new RelayConsumer({
    ...login,
    contexts: ['office'],
    ready: async () => {
      say('ready')
      for (const number of numbers) {
        const message = { body: 'Hello', media: ['https://media.example/cat.jpg'], tags: ['vip'] }
        const sent = await send(number, message)
        const changes = [await next()]
        while (!['delivered', 'undelivered', 'failed'].includes(changes[changes.length - 1].state)) {
          changes.push(await next())
        }
        const own = changes.every(change => change.id === sent.messageId)
        const states = changes.map(change => change.state)
        const last = facts(changes[changes.length - 1])
        say('sent', { successful: sent.successful, own, states, last })
      }
      // Nothing to send: the client leaves it to Relay to refuse that.
      const empty = await send(numbers[0], {})
      say('refused', { successful: empty.successful, id: empty.messageId ?? null })
    },
    onMessageStateChange: add,
    onIncomingMessage: async message => {
      say('incoming', facts(message))
      await leave(consumer.client)
    },
  })
  consumer.run()
}

// Leaves a task for itself, and takes two.
function tasks(login, rest) {
  // The client has room for the name of the host only: whatever is asked of it, it asks for port 443.
  const [host, port] = rest.split(':')
  https.globalAgent.options.port = Number(port)
  const deliver = async (token, message) => {
    const task = new Task(login.project, token)
    task.host = host
    return task.deliver('office', message).then(() => true, () => false)
  }
  let left = 2
  const consumer = new RelayConsumer({
    ...login,
    contexts: ['office'],
    ready: async () => {
      // Nothing but ASCII: the client counts characters where the length in bytes is wanted.
      const task = { number: 7, nested: { list: [1, null, 'u'] } }
      say('delivered', { right: await deliver(login.token, task), wrong: await deliver('PTwrong', task) })
    },
    onTask: async message => {
      say('task', { message })
      left -= 1
      if (!left) await leave(consumer.client)
    },
  })
  consumer.run()
}

module.exports = { inbound, passing, messages, tasks }
