"""What the proxy's own actions about the past and the present of servers do for one client."""
