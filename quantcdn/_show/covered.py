"""What a list covers, in the words of all that go by one: helps, reports and manifests."""

ACTIVE = "active sessions; completed ones are not listed by the service"
