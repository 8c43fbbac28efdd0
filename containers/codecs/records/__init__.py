"""RecordIO and protobuf records: framing, messages, whole batches, and files of them."""
