//! `spyhop_target_*` of each declared endpoint: whether the agent reaches it, and how merging it went.

super::families! { Target;
    REACHABLE: Gauge "spyhop_target_reachable" "" ["reason"]
        "1 when the agent has a way to the declared endpoint, else 0 with the reason. It says nothing of the application: nobody was asked.";
    UP: Gauge "spyhop_target_up" "" []
        "1 when the endpoint was fetched and merged into this page, else 0; with metrics.merge only.";
    SCRAPE_DURATION: Gauge "spyhop_target_scrape_duration_seconds" "seconds" []
        "How long fetching the endpoint for the merge took; with metrics.merge only.";
    SAMPLES: Gauge "spyhop_target_samples" "" []
        "Samples of the endpoint on this page; with metrics.merge only.";
    SAMPLES_LEFT_OUT: Gauge "spyhop_target_samples_left_out" "" []
        "Samples of a good page which were not merged: doubled, under a name of the agent's, or with a value their type cannot have.";
}
