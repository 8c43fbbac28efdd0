"""State machines of jobs and endpoints: a state is the outcome of something that ran. No HTTP here."""
