"""urllib3's side: connections that keep a deadline, the roads they take, and answers that are read strictly."""
